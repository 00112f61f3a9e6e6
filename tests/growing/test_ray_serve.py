"""Models answered by replicas on a Ray cluster, which is started for them and guarded, and gone afterwards."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from tests.tiny import tiny_encoder
from tuneworks.clusters.ray_cluster import ray  # guarded as a cluster of our own is
from tuneworks.core.asking import Examples
from tuneworks.core.errors import Unavailable
from tuneworks.core.types import Deployment, ModelVersion, Recipe, RunConfig, Served, TaskSpec
from tuneworks.core.wanted import Abandoned, while_wanted
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.predict import predict
from tuneworks.flows.tune import tune
from tuneworks.runtimes import _replicas
from tuneworks.runtimes.arrays import Arrays
from tuneworks.serving.engine import LoadedModel, engine_of
from tuneworks.serving.loaded import CARD, runtime_of
from tuneworks.testing.workspaces import NAME, sample_rows

pytestmark = pytest.mark.long
ROWS = [{"text": f"parcel {number} is late"} for number in range(40)]
SHUTDOWN = "import sys, ray; ray.init(sys.argv[1]); from ray import serve; serve.shutdown()"


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


def ngrams(workspace: Workspace) -> LoadedModel:
    """A small model that replicas answer for."""
    version = workspace.store.find(ModelVersion, name="ngrams")[0]
    return engine_of(workspace).model(Served(version.id, "ray-serve"))


def running() -> set[str]:
    """The applications whose replicas answer."""
    return {name for name, found in _replicas.serve.status().applications.items() if found.status == "RUNNING"}


def test_what_a_model_raises_in_a_replica_is_raised_here(workspace: Workspace) -> None:
    loaded, wrong = ngrams(workspace), Examples({}, [{}])
    with pytest.raises(KeyError) as here:
        Arrays().run(loaded.model, wrong)
    with pytest.raises(KeyError) as there:
        loaded.runtime.run(loaded.model, wrong)
    assert type(there.value) is type(here.value)
    assert str(there.value) == str(here.value)


def test_replicas_that_do_not_start_are_unavailable(workspace: Workspace, tmp_path: Path) -> None:
    loaded, before = ngrams(workspace), running()
    shutil.copytree(loaded.model.folder, tmp_path / "broken")
    (tmp_path / "broken" / CARD).unlink()
    broken = replace(loaded.model, folder=tmp_path / "broken")
    with pytest.raises(Unavailable) as caught:
        loaded.runtime.run(broken, loaded.task.examples(loaded.model.spec, ROWS[:1]))
    assert caught.value.problem.en == "The replicas of broken do not start."
    assert CARD not in str(caught.value)
    assert running() == before


def test_starting_replicas_keeps_nobody_else_waiting(workspace: Workspace) -> None:
    loaded = ngrams(workspace)
    examples = loaded.task.examples(loaded.model.spec, ROWS)
    other = replace(loaded.model)
    with pytest.raises(Abandoned), while_wanted(lambda: False):
        loaded.runtime.run(other, examples)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(loaded.runtime.run, other, examples)
        scores = loaded.runtime.run(loaded.model, examples)
        assert not waiting.done()
        assert numpy.array_equal(waiting.result(), scores)


def test_replicas_end_with_the_model_they_were_started_for(workspace: Workspace) -> None:
    loaded, before = ngrams(workspace), running()
    other = replace(loaded.model)
    loaded.runtime.run(other, loaded.task.examples(loaded.model.spec, ROWS[:1]))
    (started,) = running() - before
    del other
    gc.collect()
    until = time.monotonic() + 30
    while started in running() and time.monotonic() < until:
        time.sleep(0.1)
    assert started not in running()
    loaded.runtime.run(loaded.model, loaded.task.examples(loaded.model.spec, ROWS[:1]))


def test_a_replica_that_is_killed_is_replaced(workspace: Workspace) -> None:
    deploy("ngrams", name="lasting", runtime="ray-serve", workspace=workspace)
    ours = probabilities(workspace, "lasting")
    for pid in replicas():
        os.kill(pid, signal.SIGKILL)
    assert probabilities(workspace, "lasting") == pytest.approx(ours, abs=1e-9)


def test_replicas_that_somebody_shut_down_are_started_again(workspace: Workspace) -> None:
    loaded = ngrams(workspace)
    examples = loaded.task.examples(loaded.model.spec, ROWS)
    scores = loaded.runtime.run(loaded.model, examples)
    address = ray.get_runtime_context().gcs_address
    subprocess.run([sys.executable, "-c", SHUTDOWN, address], check=True, timeout=60, capture_output=True)
    with suppress(Unavailable):
        loaded.runtime.run(loaded.model, examples)
    assert numpy.array_equal(loaded.runtime.run(loaded.model, examples), scores)


def replicas() -> list[int]:
    """The processes that answer for this one, by the name Ray gives them."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            pid, said = int(place.parent.name), place.read_bytes().decode(errors="replace")
            if said.startswith("ray::ServeReplica") and descends(pid, os.getpid()):
                found.append(pid)
    return found


def descends(pid: int, ancestor: int) -> bool:
    while pid > 1 and pid != ancestor:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return pid == ancestor
