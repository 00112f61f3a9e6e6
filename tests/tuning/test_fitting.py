"""Fitting brings bases, features and method together, and refuses what does not go together before any work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny import tiny_encoder
from tuneworks.core.errors import InvalidConfig, TuneworksError, UnsuitableData
from tuneworks.core.types import Event, Output, Recipe
from tuneworks.flows.fitting import Data, Fitted, fit, uses_of
from tuneworks.flows.held_out import run
from tuneworks.testing.samples import sample_data

CLASSES, SPANS = "text-classification", "token-classification"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


def fitted(data: Data, recipe: Recipe, folder: Path, **more: Any) -> Fitted:
    return fit(data, recipe, folder=folder, cache=folder / "cache", **more)


def refused(data: Data, recipe: Recipe, folder: Path, error: type[TuneworksError] = InvalidConfig) -> TuneworksError:
    heard: list[Event] = []
    with pytest.raises(error) as caught:
        fitted(data, recipe, folder, listener=heard.append)
    assert heard == []
    assert all((caught.value.problem.zh, caught.value.fix.en, caught.value.fix.zh))
    return caught.value


def test_pretrained_files_lie_at_the_top_whatever_the_order_of_bases() -> None:
    spec = sample_data(CLASSES).spec
    uses = uses_of(Recipe({"text": ("ngrams", "path:/somewhere", "path:/else")}), spec, Output("classes", 2))
    assert [(use.name, use.folder) for use in uses] == [
        ("ngrams", "base_2"),
        ("text-encoder", ""),
        ("text-encoder", "base_1"),
    ]


@pytest.mark.parametrize(
    ("base", "named"),
    [
        ({"absent": ("ngrams",)}, "absent"),
        ({"text": ()}, "text"),
        ("nonsense", "nonsense"),
        ("text-encoder", "text-encoder"),
        ({"text": ("ngrams", "ftp:x")}, "ftp:x"),
    ],
)
def test_a_base_that_cannot_be_is_refused_by_name(base: Any, named: str, tmp_path: Path) -> None:
    assert named in refused(sample_data(CLASSES), Recipe(base, "head"), tmp_path).problem.en


def test_only_bases_without_weights_are_named_as_such(tmp_path: Path) -> None:
    assert "text-encoder" not in refused(sample_data(CLASSES), Recipe("nonsense", "head"), tmp_path).fix.en


def test_labels_that_no_row_carries_are_refused(tmp_path: Path) -> None:
    error = refused(_with_labels(CLASSES, "weather", "sports"), Recipe("ngrams", "head"), tmp_path, UnsuitableData)
    assert "weather" in error.problem.en


@pytest.mark.parametrize("label", ["PERSON", "PLACE"])
def test_labels_left_out_of_the_list_count_as_errors_and_teach_nothing(label: str, tmp_path: Path) -> None:
    data = _with_labels(SPANS, label)
    made = fitted(data, Recipe("ngrams", "head"), tmp_path)
    measured = made.history[-1].values["validation"]
    scores = run(made.open(data.spec), data.test, tmp_path)
    assert measured == pytest.approx(2 / 3, abs=0.05)
    assert data.task.score(data.spec, scores, data.test).scores["span_f1"].value == pytest.approx(2 / 3, abs=0.05)


def test_a_text_is_encoded_once_for_all_runs(tiny: str, tmp_path: Path) -> None:
    data, recipe = sample_data(CLASSES), Recipe(tiny, "head")
    first: list[Event] = []
    second: list[Event] = []
    one = fitted(data, recipe, tmp_path, listener=first.append)
    other = fitted(data, replace(recipe, seed=1), tmp_path, listener=second.append)
    assert "encoding texts" in {event.message.en for event in first}
    assert "encoding texts" not in {event.message.en for event in second}
    assert one.files["config.json"] == other.files["config.json"]


def test_concatenated_bases_use_what_each_of_them_says(tiny: str, tmp_path: Path) -> None:
    data = sample_data(CLASSES, 300)
    made = fitted(data, Recipe({"text": (tiny, "ngrams")}, "head"), tmp_path)
    model = made.open(data.spec)
    assert {name for name in model.head.arrays if name.startswith("weight")} == {"weight_0", "weight_1"}
    assert all(np.abs(array).max() > 0 for array in model.head.arrays.values())
    assert (tmp_path / "base_1" / "ngrams.json").is_file()


def test_a_champions_encoder_is_kept_where_its_address_is_gone(tiny: str, tmp_path: Path) -> None:
    data = sample_data(CLASSES)
    moved = tiny_encoder(tmp_path / "moved")
    made = fitted(data, Recipe(f"path:{moved}", "head"), tmp_path / "first")
    for name, path in made.files.items():
        (tmp_path / "first" / name).write_bytes(path.read_bytes())
    champion = replace(made, files={n: tmp_path / "first" / n for n in made.files}, folder=tmp_path / "first").open(
        data.spec
    )
    for path in moved.iterdir():
        path.unlink()
    again = fitted(data, Recipe(f"path:{moved}", "head"), tmp_path / "second", champion=champion)
    assert again.files["model.safetensors"] == tmp_path / "first" / "model.safetensors"
    assert (again.files["head.safetensors"].read_bytes()) == made.files["head.safetensors"].read_bytes()


def _with_labels(task: str, *labels: str) -> Data:
    data = sample_data(task, 240)
    spec = replace(data.spec, labels=labels)
    sides = {side: data.task.examples(spec, getattr(data, side).rows) for side in ("train", "validation", "test")}
    return Data(data.task, spec, **sides)
