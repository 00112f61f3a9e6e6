"""Several processes train one network as one process does, and a run outlives the loss of one of them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from tests.tiny import tiny_encoder
from tuneworks.core.errors import InvalidConfig, ProcessLost
from tuneworks.core.events import silent
from tuneworks.core.types import Event, ModelVersion, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.resume import resume
from tuneworks.flows.tune import tune
from tuneworks.testing.workspaces import NAME, sample_rows

SETTINGS = {"recipe.epochs": 2, "recipe.batch_tokens": 96, "recipe.options.start_from_linear": False}


@pytest.fixture
def workspace(tmp_path: Path):
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(sample_rows(80), name=NAME, workspace=opened)
        yield opened


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


def tuned(workspace: Workspace, base: str, listener: Callable[[Event], None] = silent, **settings: Any) -> ModelVersion:
    words = {"target": "topic", "base": base, "method": "full", "settings": {**SETTINGS, **settings}}
    return tune(NAME, workspace=workspace, listener=listener, **words)


def losses(workspace: Workspace, version: ModelVersion) -> list[float]:
    lines = workspace.blobs.read(version.parts["history.jsonl"]).decode().splitlines()
    return [values["loss"] for values in (json.loads(line)["values"] for line in lines) if "loss" in values]


def weights(workspace: Workspace, version: ModelVersion) -> dict[str, torch.Tensor]:
    with safe_open(workspace.blobs.local(version.parts["model.safetensors"]), "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def children() -> set[int]:
    """The processes that this one has started."""
    lines = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    return {int(number) for line in lines for number in line.split()}


def test_two_processes_learn_what_one_learns_and_go_on_after_one_of_them_is_lost(
    workspace: Workspace, base: str
) -> None:
    before, threads = children(), torch.get_num_threads()
    torch.set_num_threads(2)  # parts of a batch as two processes share them
    try:
        alone = tuned(workspace, base)
    finally:
        torch.set_num_threads(threads)
    seen: set[int] = set()

    def kill_at_the_fourth_step(event: Event) -> None:
        if event.step == 4 and "loss" in event.values and not seen:
            seen.update(children() - before)
            for process in seen:
                os.kill(process, signal.SIGKILL)

    with pytest.raises(ProcessLost, match="-9"):
        tuned(workspace, base, kill_at_the_fourth_step, processes=2, checkpoint_seconds=0.0)
    assert len(seen) == 1
    run = workspace.store.find(Run, status="failed")[0]
    ended = resume(run.id, workspace=workspace)
    together = workspace.store.get(ModelVersion, ended.version_id or "")
    assert together is not None
    assert not children() - before
    assert losses(workspace, together) == pytest.approx(losses(workspace, alone), rel=1e-4)
    expected = weights(workspace, alone)
    start = weights_of_base(base)
    for name, weight in weights(workspace, together).items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-5)
    assert any(not torch.equal(weight, start[name]) for name, weight in expected.items())


def weights_of_base(base: str) -> dict[str, torch.Tensor]:
    with safe_open(Path(base.removeprefix("path:")) / "model.safetensors", "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def test_what_several_processes_cannot_share_is_refused(workspace: Workspace, base: str) -> None:
    with pytest.raises(InvalidConfig, match="training of a network"):
        tune(NAME, target="topic", base="ngrams", method="head", settings={"processes": 2}, workspace=workspace)
    with pytest.raises(InvalidConfig, match="processes"):
        tuned(workspace, base, processes=0)
