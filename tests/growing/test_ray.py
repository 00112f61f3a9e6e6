"""Runs, trials and training in several processes on a Ray cluster that is started for them and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import tiny_encoder
from tuneworks.core.errors import TuneworksError
from tuneworks.core.types import Event, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.resume import resume
from tuneworks.flows.search import search
from tuneworks.flows.tune import tune
from tuneworks.runners.ray import ray  # guarded as a cluster of our own is
from tuneworks.testing.workspaces import NAME, sample_rows

pytestmark = pytest.mark.long
SETTINGS = {"recipe.epochs": 2, "recipe.batch_tokens": 96, "checkpoint_seconds": 0.0}
JOIN = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False); print('joined')"


@pytest.fixture
def workspace(tmp_path: Path):
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(sample_rows(80), name=NAME, workspace=opened)
        yield opened
    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


def test_two_processes_train_one_is_killed_and_the_run_goes_on(workspace: Workspace, base: str) -> None:
    killed: list[int] = []

    def kill_the_actor(event: Event) -> None:
        if "loss" in event.values and not killed:
            run = workspace.store.find(Run, status="running")[0]
            killed.append(parent_of(int((run.owner or "").rsplit(":", 2)[1])))
            os.kill(killed[0], signal.SIGKILL)

    settings = {**SETTINGS, "processes": 2}
    words = {"target": "topic", "base": base, "method": "full", "settings": settings, "runner": "ray"}
    with pytest.raises(TuneworksError, match=r"did not finish|ended"):
        tune(NAME, workspace=workspace, listener=kill_the_actor, **words)
    assert killed
    (run,) = workspace.store.find(Run)
    assert run.status in ("interrupted", "failed")
    assert resume(run.id, runner="ray", workspace=workspace).status == "finished"


def test_trials_run_side_by_side(workspace: Workspace) -> None:
    found = search(
        NAME,
        target="topic",
        base="ngrams",
        method="head",
        trials=4,
        seeds=1,
        workers=2,
        store=False,
        space={"recipe.options.strengths": "one_of([1e-4], [1e-3], [1], [30])"},
        settings={"search.runner": "ray"},
        workspace=workspace,
    )
    assert [trial.outcome for trial in found.trials] == ["measured"] * 4


def test_the_cluster_listens_on_loopback_and_asks_for_its_token(workspace: Workspace) -> None:
    answers: list[str] = []

    def join_without_it(event: Event) -> None:
        if not answers:
            address = ray.get_runtime_context().gcs_address
            assert address.startswith("127.0.0.1:")
            bare = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
            for token in ({}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}):
                done = subprocess.run(
                    [sys.executable, "-c", JOIN, address],
                    env={**bare, "RAY_USAGE_STATS_ENABLED": "0", **token},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                answers.append(done.stdout)

    tune(
        NAME,
        target="topic",
        base="ngrams",
        method="head",
        runner="ray",
        workspace=workspace,
        listener=join_without_it,
    )
    assert answers == ["", ""]


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
