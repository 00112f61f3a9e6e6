"""Models answered by replicas on a Ray cluster, which is started for them and guarded, and gone afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tiny import tiny_encoder
from tuneworks.clusters.ray_cluster import ray  # guarded as a cluster of our own is
from tuneworks.core.types import Deployment, ModelVersion, Recipe, RunConfig, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.predict import predict
from tuneworks.flows.tune import tune
from tuneworks.runtimes import _replicas
from tuneworks.serving.loaded import runtime_of
from tuneworks.testing.workspaces import NAME, sample_rows

pytestmark = pytest.mark.long
ROWS = [{"text": f"parcel {number} is late"} for number in range(40)]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    place = tmp_path_factory.mktemp("far")
    encoder = f"path:{tiny_encoder(place / 'encoder')}"
    with Workspace.open(place / ".tuneworks") as opened:
        add(sample_rows(80), name=NAME, workspace=opened)
        tune(NAME, name="ngrams", target="topic", base="ngrams", workspace=opened)
        config = RunConfig("encoder", NAME, TaskSpec(target="topic"), Recipe(encoder, "full", epochs=1))
        tune(config=config, workspace=opened)
        yield opened
    _replicas.end()
    assert not ray.is_initialized()


def probabilities(workspace: Workspace, name: str) -> list[float]:
    return [one.answer.score for one in predict(name, ROWS, workspace=workspace)]


@pytest.mark.parametrize("name", ["ngrams", "encoder"])
def test_replicas_answer_what_this_process_would(workspace: Workspace, name: str) -> None:
    version = workspace.store.find(ModelVersion, name=name)[0]
    here = runtime_of(version.bases)
    deploy(name, name=f"{name}-here", runtime=here, workspace=workspace)
    deploy(name, name=f"{name}-far", runtime="ray-serve", workspace=workspace)
    assert workspace.store.get(Deployment, f"{name}-far").champion.runtime == "ray-serve"
    assert here != "ray-serve"
    ours = probabilities(workspace, f"{name}-here")
    assert probabilities(workspace, f"{name}-far") == pytest.approx(ours, abs=1e-5)
    with ThreadPoolExecutor(8) as pool:
        for far in pool.map(lambda _: probabilities(workspace, f"{name}-far"), range(16)):
            assert far == pytest.approx(ours, abs=1e-5)


def test_a_replica_that_is_killed_is_replaced(workspace: Workspace) -> None:
    deploy("ngrams", name="lasting", runtime="ray-serve", workspace=workspace)
    ours = probabilities(workspace, "lasting")
    from ray.util.state import list_actors  # noqa: F401  # only there once a cluster is

    for pid in replicas():
        os.kill(pid, signal.SIGKILL)
    assert probabilities(workspace, "lasting") == pytest.approx(ours, abs=1e-9)


def replicas() -> list[int]:
    """The processes that answer on this machine, by the name Ray gives them."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = place.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if said.startswith("ray::ServeReplica"):
            found.append(int(place.parent.name))
    return found
