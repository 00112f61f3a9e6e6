"""Runs are done again byte by byte, refused where there is nothing to go on with, and shown to TensorBoard."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event as Scalars

from tuneworks.core import lifecycle
from tuneworks.core.clock import now
from tuneworks.core.errors import Conflict, NotFound
from tuneworks.core.following import progress_of
from tuneworks.core.text import Text
from tuneworks.core.types import Event, ModelVersion, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.cancel import cancel
from tuneworks.flows.pause import pause
from tuneworks.flows.reproduce import reproduce
from tuneworks.flows.resume import resume
from tuneworks.flows.tensorboard import VARIABLE, tensorboard
from tuneworks.testing.workspaces import tune_again, tuned_workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with tuned_workspace(tmp_path_factory.mktemp("runs") / "ws", rows=150) as workspace:
        yield workspace


def first_version(workspace: Workspace) -> ModelVersion:
    return workspace.store.find(ModelVersion, name="tickets", number=1)[0]


def test_a_run_done_again_makes_the_same_bytes(workspace: Workspace) -> None:
    made = reproduce(first_version(workspace).run_id, workspace=workspace)
    assert made.same
    assert {part.name for part in made.parts} >= {"head.safetensors", "golden.json", "ngrams.json"}
    assert made.changes == ()
    assert len(workspace.store.find(ModelVersion)) == 1


def test_what_differs_is_named_with_what_has_changed_since(workspace: Workspace) -> None:
    version = first_version(workspace)
    run = workspace.store.get(Run, version.run_id)
    assert run is not None
    other = tune_again(workspace, settings={"recipe.seed": 3, "spec.labels": ["payment", "delivery"]})
    parts = {**version.parts, "head.safetensors": other.parts["head.safetensors"]}
    forged = replace(version, id="forged", number=99, parts=parts)
    threads = {**run.environment, "threads": "64"}
    workspace.store.put(forged, replace(run, id="run-forged", version_id="forged", environment=threads))
    made = reproduce("run-forged", workspace=workspace)
    assert not made.same
    assert [part.name for part in made.parts if not part.same] == ["head.safetensors"]
    assert [(change.name, change.then) for change in made.changes] == [("threads", "64")]


def test_only_what_did_not_finish_is_gone_on_with(workspace: Workspace) -> None:
    finished = first_version(workspace).run_id
    for verb in (resume, pause, cancel):
        with pytest.raises(Conflict, match="finished"):
            verb(finished, workspace=workspace)
    for verb in (resume, pause, cancel, reproduce):
        with pytest.raises(NotFound):
            verb("run-0", workspace=workspace)


def test_a_failed_run_is_done_again_and_a_cancelled_one_is_not(workspace: Workspace) -> None:
    config = workspace.store.get(Run, first_version(workspace).run_id).config
    failed, dropped = (lifecycle.fail(workspace, lifecycle.queue(workspace, config), OSError("disk")) for _ in "ab")
    ended = resume(failed.id, workspace=workspace)
    assert (ended.status, ended.error, ended.claims) == ("finished", None, 1)
    assert workspace.store.get(ModelVersion, ended.version_id).parts.keys() == first_version(workspace).parts.keys()
    with pytest.raises(Conflict, match="finished"):
        reproduce(dropped.id, workspace=workspace)
    assert cancel(dropped.id, workspace=workspace).status == "cancelled"
    with pytest.raises(Conflict, match="cancelled"):
        resume(dropped.id, workspace=workspace)


def test_a_run_remembers_the_version_it_went_on_from(workspace: Workspace) -> None:
    first = first_version(workspace)
    from_first = replace(workspace.store.get(Run, first.run_id).config, from_version="tickets@1")
    later = tune_again(workspace, config=from_first)
    run = workspace.store.get(Run, later.run_id)
    assert (run.config.from_version, run.asked.from_version) == (first.id, "tickets@1")


def test_a_run_at_work_tells_where_it_is(workspace: Workspace) -> None:
    run = lifecycle.queue(workspace, workspace.store.find(Run)[0].config)
    assert progress_of(workspace, run) is None
    values = {"loss": 0.5, "seconds_left": 30.0}
    told = [
        Event("progress", Text("epoch 1", "第 1 轮"), now(), run.id, 40, 300, values, id=f"{run.id}.1"),
        Event("checkpoint", Text("checkpoint", "检查点"), now(), run.id, id=f"{run.id}.2"),
    ]
    workspace.store.append(told)
    found = progress_of(workspace, run)
    assert found is not None
    assert (found.step, found.total, found.values) == (40, 300, values)


def test_tensorboard_is_told_what_the_listener_is_told(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Event] = []
    monkeypatch.setenv(VARIABLE, str(tmp_path / "board"))
    version = tune_again(workspace, listener=heard.append)
    expected = [(name, e.step, v) for e in heard if e.step is not None for name, v in e.values.items()]
    found = scalars(tmp_path / "board" / version.run_id)
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    assert [each[2] for each in found] == pytest.approx([each[2] for each in expected], rel=1e-6)
    assert "validation" in {name for name, _, _ in found}
    board = tensorboard(tmp_path / "own")
    board(Event("progress", Text("a", "甲"), now(), "run-x", 3, 9, {"loss": 0.25}))
    board(Event("plan", Text("a", "甲"), now(), "run-x"))
    board.close()
    assert scalars(tmp_path / "own" / "run-x") == [("loss", 3, 0.25)]


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    """What the event files of a folder hold: length (8 bytes), its checksum (4), the record, its checksum (4)."""
    found = []
    for path in folder.glob("events.*"):
        held, at = path.read_bytes(), 0
        while at < len(held):
            (length,) = struct.unpack_from("<Q", held, at)
            event = Scalars.FromString(held[at + 12 : at + 12 + length])
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
            at += 16 + length
    return found
