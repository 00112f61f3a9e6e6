"""A run in a process of its own is heard, paused, cancelled, killed, gone on with; a lost lease publishes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from tests.crash.runs import parts_of, patient_config
from tuneworks.core import lifecycle
from tuneworks.core.errors import Conflict, RunFailed, RunStopped
from tuneworks.core.following import start_process
from tuneworks.core.holding import LEASE_SECONDS
from tuneworks.core.types import Event, Lease, ModelVersion, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows import search_trials
from tuneworks.flows.cancel import cancel
from tuneworks.flows.pause import pause
from tuneworks.flows.resume import resume
from tuneworks.flows.search import search
from tuneworks.flows.tune import tune
from tuneworks.flows.work import Watch, do, work

STEPS = 30
WITHIN_SECONDS = 1.5  # a second for the process that is to see it, the rest for a machine that is busy


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def only_run(workspace: Workspace) -> Run:
    (run,) = workspace.store.find(Run)
    return run


def steps_of(workspace: Workspace) -> list[Event]:
    return [event for event in workspace.store.find(Event) if "loss" in event.values]


def tuned_elsewhere(workspace: Workspace, heard: list[Event], raised: list[BaseException]) -> threading.Thread:
    """A tuning whose work is done by a process, asked for in a thread."""

    def ask() -> None:
        config = patient_config(workspace, steps=STEPS, seconds=0.1)
        try:
            tune(config=config, runner="process", workspace=workspace, listener=heard.append)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_killed_process_leaves_a_run_that_goes_on_to_the_same_bytes(workspace: Workspace) -> None:
    heard: list[Event] = []
    raised: list[BaseException] = []
    asking = tuned_elsewhere(workspace, heard, raised)
    until(lambda: len([event for event in heard if "loss" in event.values]) > 2)
    killed = only_run(workspace)
    assert killed.status == "running"
    os.kill(int((killed.owner or "").split(":")[1]), signal.SIGKILL)
    asking.join()
    assert isinstance(raised[0], RunFailed)
    assert f"tuneworks resume {killed.id}" in str(raised[0])
    assert only_run(workspace).status == "interrupted"
    told: list[Event] = []
    assert resume(killed.id, workspace=workspace, listener=told.append).status == "finished"
    assert "resumed" in {event.kind for event in told}
    straight = tune(config=killed.config, workspace=workspace)
    assert parts_of(workspace, killed.id) == parts_of(workspace, straight.run_id)


@pytest.mark.parametrize(("verb", "status"), [(pause, "paused"), (cancel, "cancelled")])
def test_another_process_sees_within_a_second_what_is_wished(
    verb: Callable[..., Run], status: str, workspace: Workspace
) -> None:
    raised: list[BaseException] = []
    asking = tuned_elsewhere(workspace, [], raised)
    until(lambda: steps_of(workspace))
    run = only_run(workspace)
    verb(run.id, workspace=workspace)
    began = time.monotonic()
    until(lambda: only_run(workspace).status == status)
    assert time.monotonic() - began < WITHIN_SECONDS
    asking.join()
    assert isinstance(raised[0], RunStopped)
    assert workspace.store.find(ModelVersion) == []
    kept = list((workspace.checkpoints / run.id).rglob("manifest.json"))
    assert bool(kept) == (status == "paused")
    if status == "paused":
        told: list[Event] = []
        assert resume(run.id, workspace=workspace, listener=told.append).status == "finished"
        assert "resumed" in {event.kind for event in told}
    else:
        with pytest.raises(Conflict, match="cancelled"):
            resume(run.id, workspace=workspace)


def test_a_stopped_worker_whose_lease_was_taken_publishes_nothing(workspace: Workspace) -> None:
    queued = lifecycle.queue(workspace, patient_config(workspace, steps=STEPS, seconds=0.1), reserved=False)
    stopped = start_process(workspace, queued)
    until(lambda: steps_of(workspace))
    stopped.send_signal(signal.SIGSTOP)
    hours = [0.0]
    watch = Watch(workspace, clock=lambda: hours[0])
    assert watch.silent() == []
    hours[0] = LEASE_SECONDS + 1
    (silent,) = watch.silent()
    ended = do(workspace, silent)
    assert (ended.status, ended.claims) == ("finished", 2)
    stopped.send_signal(signal.SIGCONT)
    assert stopped.wait(60) == Conflict.exit_code
    assert [version.id for version in workspace.store.find(ModelVersion)] == [ended.version_id]
    assert only_run(workspace) == ended
    assert workspace.store.find(Lease) == []


def test_a_lease_that_lives_is_never_taken(workspace: Workspace) -> None:
    run = lifecycle.claim(workspace, lifecycle.queue(workspace, patient_config(workspace)))
    hours, beats = [0.0], lifecycle.lease_id(run.id)
    watch = Watch(workspace, clock=lambda: hours[0])
    for beat in range(5):
        workspace.store.put(Lease(beats, run.owner or "", run.claims, beat))
        assert watch.silent() == []
        hours[0] += LEASE_SECONDS - 1
    with pytest.raises(Conflict, match="taken over"):
        lifecycle.claim(workspace, Run(run.id, run.config, "queued", run.created))


def test_a_silent_trial_is_left_to_who_does_its_search(workspace: Workspace) -> None:
    config, hours = patient_config(workspace), [0.0]
    searching = lifecycle.claim(workspace, lifecycle.queue(workspace, config, kind="search"))
    search_trials.begin(workspace, searching, config)
    watch = Watch(workspace, clock=lambda: hours[0])
    assert watch.silent() == []
    hours[0] = LEASE_SECONDS + 1
    assert watch.silent() == [searching]


def test_of_two_workers_each_run_is_done_by_one(workspace: Workspace) -> None:
    for _ in range(3):
        lifecycle.queue(workspace, patient_config(workspace, steps=2), reserved=False)
    lifecycle.queue(workspace, patient_config(workspace, steps=2), reserved=True)
    done: list[Run] = []
    working = [threading.Thread(target=lambda: done.extend(work(once=True, workspace=workspace))) for _ in range(2)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()
    assert [run.status for run in done] == ["finished"] * 3
    assert len({run.id for run in done}) == 3
    assert sorted(version.number for version in workspace.store.find(ModelVersion)) == [1, 2, 3]
    assert [run.status for run in workspace.store.find(Run)].count("queued") == 1


def test_the_tuning_at_the_end_of_a_search_goes_on_from_its_checkpoint(workspace: Workspace) -> None:
    space = {"recipe.options.steps": f"one_of({STEPS}, {2 * STEPS})"}
    words = {"config": patient_config(workspace, steps=STEPS), "space": space, "trials": 1, "seeds": 1, "workers": 0}

    def stop(event: Event) -> None:
        if event.step == STEPS // 2 and workspace.store.find(Run, kind="tune"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(**words, workspace=workspace, listener=stop)
    told: list[Event] = []
    found = search(**words, workspace=workspace, listener=told.append)
    (tuning,) = workspace.store.find(Run, kind="tune")
    assert "resumed" in {event.kind for event in told if event.run_id == tuning.id}
    assert [version.run_id for version in workspace.store.find(ModelVersion)] == [tuning.id]
    assert found.version is not None


def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(workspace: Workspace) -> None:
    run = lifecycle.queue(workspace, patient_config(workspace, steps=STEPS, seconds=0.1, checkpoint_seconds=600))
    command = [sys.executable, "-m", "tuneworks", "--workspace", str(workspace.root), "work", "--run", run.id]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until(lambda: steps_of(workspace))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    ended = only_run(workspace)
    assert ended.status == "interrupted"
    assert f"tuneworks resume {run.id}" in said
    assert f"tuneworks resume {run.id}" in str(ended.error)
    assert list((workspace.checkpoints / run.id).rglob("manifest.json"))
