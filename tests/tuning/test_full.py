"""Training the whole encoder: it learns, repeats itself, survives odd rows, and leaves a folder others can read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from tests.tiny import tiny_encoder
from tuneworks.core.types import Recipe
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.fitting import Data, Fitted, fit
from tuneworks.flows.held_out import run
from tuneworks.flows.references import version_of
from tuneworks.flows.tune import tune
from tuneworks.serving.folders import open_version
from tuneworks.statistics.linear import load_head
from tuneworks.testing.samples import sample_data
from tuneworks.testing.workspaces import sample_rows

TASKS = ("text-classification", "token-classification")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


def fitted(data: Data, base: str, folder: Path, **recipe: Any) -> Fitted:
    torch.set_num_threads(1)
    return fit(data, Recipe(base, "full", **recipe), folder=folder, cache=folder)


def head_of(made: Fitted) -> dict[str, np.ndarray]:
    return dict(load_head(made.files).arrays)


@pytest.mark.parametrize(("task", "epochs"), zip(TASKS, (6, 12), strict=True))
def test_the_whole_encoder_learns_from_nothing(task: str, epochs: int, tiny: str, tmp_path: Path) -> None:
    data = sample_data(task, 240)
    options = {"start_from_linear": False, "patience": 99}
    made = fitted(data, tiny, tmp_path, epochs=epochs, learning_rate=3e-3, batch_tokens=200, options=options)
    scores = run(made.open(data.spec), data.test, tmp_path)
    assert data.task.score(data.spec, scores, data.test).scores[data.spec.metric or ""].value > 0.9


@pytest.mark.parametrize("start", [True, False])
def test_the_same_seed_gives_the_same_bytes(start: bool, tiny: str, tmp_path: Path) -> None:
    data, made = sample_data(TASKS[0]), []
    for attempt in ("first", "second"):
        torch.rand(len(attempt))
        one = fitted(data, tiny, tmp_path / attempt, epochs=1, options={"start_from_linear": start})
        made.append({name: path.read_bytes() for name, path in one.files.items()})
    assert made[0] == made[1]


def test_rows_without_anything_to_read_ruin_nothing(tiny: str, tmp_path: Path) -> None:
    data = sample_data(TASKS[1])
    empty = data.task.examples(data.spec, [{"text": "", "spans": []}] * 60)
    mixed = data.task.examples(data.spec, [*data.train.rows, *empty.rows])
    made = fitted(replace(data, train=mixed), tiny, tmp_path, epochs=1, batch_tokens=20)
    assert all(np.isfinite(array).all() for array in head_of(made).values())
    assert all(np.isfinite(step.values.get("loss", 0)) for step in made.history)


@pytest.mark.parametrize("task", TASKS)
def test_rows_of_labels_outside_the_list_teach_nothing_and_ruin_nothing(task: str, tiny: str, tmp_path: Path) -> None:
    data = sample_data(task)
    spec = replace(data.spec, labels=(*data.spec.labels[:-1], "never", "seen"))
    sides = {side: data.task.examples(spec, getattr(data, side).rows) for side in ("train", "validation", "test")}
    narrow = Data(data.task, spec, **sides)
    made = fitted(narrow, tiny, tmp_path, epochs=1, batch_tokens=16)
    assert all(np.isfinite(array).all() for array in head_of(made).values())


def test_class_weights_and_frozen_embeddings_are_heeded(tiny: str, tmp_path: Path) -> None:
    data = sample_data(TASKS[0])
    options = {"class_weights": "balanced", "train_embeddings": False}
    made = fitted(data, tiny, tmp_path, epochs=1, options=options)
    tuned = AutoModel.from_pretrained(_folder(made, tmp_path / "tuned"))
    before = AutoModel.from_pretrained(tiny.removeprefix("path:"))
    assert torch.equal(tuned.get_input_embeddings().weight, before.get_input_embeddings().weight)
    assert not torch.equal(tuned.encoder.layer[1].output.dense.weight, before.encoder.layer[1].output.dense.weight)


@pytest.fixture
def workspace(tmp_path: Path):
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(sample_rows(200), name="tickets", workspace=opened)
        yield opened


def test_stock_tools_read_a_tuned_versions_folder(workspace: Workspace, tiny: str) -> None:
    version = tune("tickets", base=tiny, method="full", settings={"recipe.epochs": 1}, workspace=workspace)
    model = open_version(workspace, version)
    stock, told = AutoModel.from_pretrained(model.folder, output_loading_info=True)
    assert [key for key in told["missing_keys"] if not key.startswith("pooler.")] == []
    assert not told["unexpected_keys"]
    (_, base), text = model.bases[0], "where is my parcel"
    ids = base.network().tokenizer.encode(text).ids
    with torch.inference_mode():
        mean = stock.eval()(torch.tensor([ids])).last_hidden_state[0].mean(dim=0)
    assert np.allclose(base.features([text])[0], mean.numpy(), atol=1e-5)


def test_a_tuned_versions_folder_is_a_base_again(workspace: Workspace, tiny: str) -> None:
    first = tune("tickets", base=tiny, method="full", settings={"recipe.epochs": 1}, workspace=workspace)
    folder = open_version(workspace, first).folder
    again = tune("tickets", base=f"path:{folder}", method="head", name="again", workspace=workspace)
    assert again.parts["model.safetensors"] == first.parts["model.safetensors"]
    assert again.parts["encoder.json"] == first.parts["encoder.json"]


@pytest.mark.parametrize("method", ["full", "head"])
def test_tuning_on_continues_with_the_champions_weights(workspace: Workspace, tiny: str, method: str) -> None:
    first = tune("tickets", base=tiny, method="full", settings={"recipe.epochs": 1}, workspace=workspace)
    settings = {"from_version": first.label, "recipe.epochs": 1}
    second = tune("tickets", base=tiny, method=method, settings=settings, workspace=workspace)
    assert second.parent_id == version_of(workspace, first.label).id
    assert (second.parts["model.safetensors"] == first.parts["model.safetensors"]) == (method == "head")


def _folder(made: Fitted, folder: Path) -> Path:
    folder.mkdir()
    for name, path in made.files.items():
        (folder / name).write_bytes(path.read_bytes())
    return folder
