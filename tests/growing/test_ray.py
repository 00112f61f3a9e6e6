"""Runs, trials and training in several processes on a Ray cluster that is started for them and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import tiny_encoder
from tuneworks.clusters.ray_cluster import ray  # guarded as a cluster of our own is
from tuneworks.core.errors import TuneworksError
from tuneworks.core.types import Event, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.resume import resume
from tuneworks.flows.search import search
from tuneworks.flows.tune import tune
from tuneworks.testing.workspaces import NAME, sample_rows

pytestmark = pytest.mark.long
SETTINGS = {"recipe.epochs": 2, "recipe.batch_tokens": 96, "checkpoint_seconds": 0.0}
ASK = "import sys; from ray._raylet import GcsClient; print(len(GcsClient(address=sys.argv[1]).get_all_node_info()))"


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
    told: list[subprocess.CompletedProcess[str]] = []

    def ask(event: Event) -> None:
        if not told:
            address = ray.get_runtime_context().gcs_address
            assert address.startswith("127.0.0.1:")
            own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.environ["RAY_AUTH_TOKEN"]}
            told.extend(asked(address, token) for token in (own, {**own, "RAY_AUTH_TOKEN": "0" * 64}, {}))

    words = {"target": "topic", "base": "ngrams", "method": "head", "runner": "ray"}
    tune(NAME, workspace=workspace, listener=ask, **words)
    with_its_token, with_another, without = told
    assert with_its_token.stdout.strip() == "1", with_its_token.stderr
    for refused in (with_another, without):
        assert refused.returncode != 0
        assert "InvalidAuthToken" in refused.stderr


def asked(address: str, token: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a cluster answers to a process that asks which nodes it has."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.run([sys.executable, "-c", ASK, address], env=bare | token, capture_output=True, text=True)


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
