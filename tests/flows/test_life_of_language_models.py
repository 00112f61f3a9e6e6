"""Texts without labels teach an encoder; labelled ones go on from it, whatever their column is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, load_file

import tuneworks
from tests.tiny import tiny_encoder
from tests.tiny_writers import tiny_causal_lm
from tuneworks.core import registry
from tuneworks.core.answers import LikelihoodAnswer
from tuneworks.core.errors import InvalidConfig, InvalidInput, TuneworksError
from tuneworks.core.types import ModelVersion, Recipe, RunConfig, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.check import check
from tuneworks.flows.references import version_of
from tuneworks.neural.encoder import load_encoder
from tuneworks.neural.loaded_encoder import LoadedEncoder
from tuneworks.neural.masking import Hiding, chunks, swept
from tuneworks.serving.folders import open_version

TASK, METHOD, ROWS = "language-modelling", "masked-language-modelling", 150
WORDS, LAYER = "embeddings.word_embeddings.weight", "encoder.layer.0.output.dense.weight"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def workspace(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """One with an encoder that went on learning from texts, as the version ``texts``."""
    with Workspace.open(tmp_path_factory.mktemp("life") / ".tuneworks") as opened:
        rows = registry.load("tasks", TASK)().sample(ROWS, 0)[1]
        tuneworks.add(rows, name="texts", kinds={"text": "text"}, workspace=opened)
        recipe = Recipe(f"path:{folder}", METHOD, epochs=2, learning_rate=1e-3)
        tuneworks.tune(config=RunConfig("texts", "texts", TaskSpec(task=TASK), recipe), workspace=opened)
        yield opened


def weights_of(workspace: Workspace, version: ModelVersion) -> dict[str, Any]:
    return load(workspace.blobs.read(version.parts["model.safetensors"]))


def labelled(workspace: Workspace, folder: Path, column: str, **options: Any) -> ModelVersion:
    """A version tuned on labelled rows, gone on from the encoder that learnt from texts."""
    columns, rows = registry.load("tasks", "text-classification")().sample(80, 0)
    text, target = columns[0].name, columns[1].name
    renamed = [{column: row[text], "topic": row[target]} for row in rows]
    name = f"by-{column}"
    tuneworks.add(renamed, name=name, kinds={column: "text", "topic": "category"}, workspace=workspace)
    spec = TaskSpec(task="text-classification", target="topic")
    config = RunConfig(name, name, spec, Recipe(f"path:{folder}", "head", options=options), from_version="texts@1")
    return tuneworks.tune(config=config, workspace=workspace)


def test_a_model_of_language_lives_from_texts_to_retuning(workspace: Workspace) -> None:
    version = version_of(workspace, "texts@1")
    assert (version.spec.target, version.spec.metric, version.output.kind) == (None, "bits_per_character", "likelihood")
    assert version.scores["perplexity"].value > 1
    assert [f for f in check("texts", task=TASK, workspace=workspace).findings if f.severity == "error"] == []
    report = tuneworks.evaluate("texts@1", workspace=workspace)
    assert report.evaluation.scores == version.scores
    assert report.comparisons[0].won
    tuneworks.deploy("texts", workspace=workspace)
    usual, odd, empty = tuneworks.predict(
        "texts",
        [{"text": text} for text in ("my card was refused anna to bob 12", "到快递!怎么#", "")],
        workspace=workspace,
    )
    for made in (usual.answer, odd.answer, empty.answer):
        assert isinstance(made, LikelihoodAnswer)
    assert usual.answer.perplexity < odd.answer.perplexity
    assert (empty.answer.perplexity, empty.answer.tokens) == (1.0, 0)
    with pytest.raises(InvalidInput, match="no true value"):
        tuneworks.feedback(usual.id, value="anything", workspace=workspace)
    assert tuneworks.feedback(usual.id, correct=True, workspace=workspace).correct
    foreign = [{"text": f"怎么办{number}到!"} for number in range(40)]
    tuneworks.predict("texts", foreign, workspace=workspace)
    assert {signal.detector for signal in tuneworks.watch("texts", workspace=workspace)} >= {"prediction-shift"}


@pytest.mark.parametrize("column", ["text", "body"])
def test_a_later_tuning_starts_from_its_encoder(workspace: Workspace, folder: Path, column: str) -> None:
    taught, stock = weights_of(workspace, version_of(workspace, "texts@1")), load_file(folder / "model.safetensors")
    assert all(not np.array_equal(taught[name], stock[name]) for name in (WORDS, LAYER))
    later = weights_of(workspace, labelled(workspace, folder, column, precision="float32"))
    assert all(np.array_equal(later[name], taught[name]) for name in taught)


def test_int8_features_are_those_of_the_taught_encoder(workspace: Workspace, folder: Path) -> None:
    version = labelled(workspace, folder, "text", precision="int8")
    model = open_version(workspace, version)
    texts = ["where is my parcel", "i paid twice"]
    made, taught, stock = model.bases[0][1].features(texts), features(model.folder, texts), features(folder, texts)
    assert np.abs(made - taught).max() < 0.1 < np.abs(made - stock).max()


def features(folder: Path, texts: list[str]) -> Any:
    """Float32 features of an encoder's folder."""
    files = {path.name: path for path in folder.iterdir()}
    return LoadedEncoder(files, load_encoder, 32, "encoder").features(texts)


def test_a_writer_goes_on_from_texts_too(workspace: Workspace, tmp_path: Path) -> None:
    base = f"path:{tiny_causal_lm(tmp_path / 'writer')}"
    recipe = Recipe(base, "causal-language-modelling", epochs=1, learning_rate=1e-3)
    config = RunConfig("foreseen", "texts", TaskSpec(task=TASK), recipe)
    taught = tuneworks.tune(config=config, workspace=workspace)
    assert taught.scores["perplexity"].value > 1
    rows = registry.load("tasks", "text-generation")().sample(40, 0)[1]
    tuneworks.add(rows, name="replies", kinds={"text": "text", "answer": "text"}, workspace=workspace)
    spec = TaskSpec(task="text-generation", target="answer")
    config = RunConfig("replies", "replies", spec, Recipe(base, "prompting"), from_version=taught.label)
    later = tuneworks.tune(config=config, workspace=workspace)
    assert later.parts["model.safetensors"] == taught.parts["model.safetensors"]
    assert (tmp_path / "writer" / "model.safetensors").read_bytes() != workspace.blobs.read(
        later.parts["model.safetensors"]
    )


def test_every_token_of_a_long_text_is_hidden_once(folder: Path) -> None:
    encoder = load_encoder({path.name: path for path in folder.iterdir()})
    encoder.settings = replace(encoder.settings, max_length=16, prefix="where is ")
    text = "my parcel is late " * 10
    pieces = chunks(encoder, [text, ""])
    assert max(len(piece.ids) for piece in pieces) <= 16
    assert [piece.example for piece in pieces].count(1) == 1
    body = encoder.tokenizer.encode(text, add_special_tokens=False).ids
    assert [piece.ids[p] for piece in pieces for _, places in piece.units for p in places] == body
    hidden = [token for piece in swept(pieces, 99) for token, _ in piece.units]
    assert sorted(hidden) == sorted(body)
    assert all(piece.ids[place] == 99 for piece in swept(pieces, 99) for _, (place,) in piece.units)


@pytest.mark.parametrize("whole_words", [False, True])
def test_hidden_tokens_are_told_with_what_stood_there(folder: Path, whole_words: bool) -> None:
    encoder = load_encoder({path.name: path for path in folder.iterdir()})
    pieces = [piece for piece in chunks(encoder, ["xyz where is my parcel"] * 200) if piece.units]
    how = Hiding(99, np.array([7]), 0.2, whole_words)
    made = how.hidden(pieces, 0)
    assert made == how.hidden(pieces, 0) != how.hidden(pieces, 1)
    for piece, whole in zip(made, pieces, strict=True):
        places = {place for _, (place,) in piece.units}
        assert all(token == whole.ids[place] for token, (place,) in piece.units)
        assert all(a == b for place, (a, b) in enumerate(zip(piece.ids, whole.ids, strict=True)) if place not in places)
        words = [set(own) for _, own in whole.units]
        assert not whole_words or all(own <= places or not own & places for own in words)
    share = np.mean([piece.ids[place] == 99 for piece in made for _, (place,) in piece.units])
    assert 0.7 < share < 0.9


def test_a_base_without_a_mask_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    bare = tiny_encoder(tmp_path / "bare")
    stored = bare / "tokenizer.json"
    stored.write_text(stored.read_text(encoding="utf-8").replace("[MASK]", "[LAST]"), encoding="utf-8")
    config = RunConfig("bare", "texts", TaskSpec(task=TASK), Recipe(f"path:{bare}", METHOD))
    with pytest.raises(InvalidConfig, match="no token that hides others"):
        tuneworks.tune(config=config, workspace=workspace)


def test_a_target_is_refused(workspace: Workspace) -> None:
    with pytest.raises(TuneworksError, match="texts alone"):
        tuneworks.tune("texts", task=TASK, target="text", workspace=workspace)
