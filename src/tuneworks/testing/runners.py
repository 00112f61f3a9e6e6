"""What every runner must keep to: the public contract suite, plain functions with asserts."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tuneworks.core import lifecycle
from tuneworks.core.errors import TuneworksError
from tuneworks.core.keeping import Runner
from tuneworks.core.types import Event, ModelVersion, Recipe, Run, RunConfig, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.plan_run import complete_config
from tuneworks.flows.work import do, work
from tuneworks.testing.workspaces import NAME, sample_rows

ROWS = 120


def check_runner(runner: Runner) -> None:
    """Every promise of the contract, each in a workspace of its own."""
    for check in CHECKS:
        check(runner)


def check_the_work_of_a_run_is_done_once(runner: Runner) -> None:
    """The run finishes with one version, the listener hears of its steps, and the run as it ended is handed back."""
    with tempfile.TemporaryDirectory() as folder, _workspace(folder) as workspace:
        config = complete_config(workspace, RunConfig(NAME, NAME, recipe=Recipe("ngrams", "head")))
        heard: list[Event] = []
        ended = _submitted(runner, workspace, config, heard.append)
        assert ended == workspace.store.get(Run, ended.id)
        assert (ended.status, ended.claims) == ("finished", 1)
        assert [version.id for version in workspace.store.find(ModelVersion)] == [ended.version_id]
        assert "plan" in {event.kind for event in heard}
        assert [event for event in heard if "validation" in event.values]


def check_no_error_is_hidden(runner: Runner) -> None:
    """Where the work fails the caller learns why, the run is stored as failed, and the runner goes on."""
    with tempfile.TemporaryDirectory() as folder, _workspace(folder) as workspace:
        config = RunConfig(NAME, NAME, TaskSpec(target="topic", labels=("weather", "sport")), Recipe("ngrams", "head"))
        with pytest.raises(TuneworksError, match=r"weather|did not finish") as caught:
            _submitted(runner, workspace, config, lambda event: None)
        assert "weather" in str(caught.value)
        (failed,) = workspace.store.find(Run)
        assert failed.status == "failed"
        config = complete_config(workspace, RunConfig(NAME, NAME, recipe=Recipe("ngrams", "head")))
        assert _submitted(runner, workspace, config, lambda event: None).status == "finished"


def _workspace(folder: str) -> Workspace:
    workspace = Workspace.open(Path(folder) / "ws")
    add(sample_rows(ROWS), name=NAME, workspace=workspace)
    return workspace


def _submitted(runner: Runner, workspace: Workspace, config: RunConfig, listener: Callable[[Event], None]) -> Run:
    """What the runner makes of a queued run, with a worker at hand where it needs one."""
    run = lifecycle.queue(workspace, config, reserved=not runner.shared)
    worker = threading.Thread(target=partial(work, once=True, workspace=workspace))
    if runner.shared:
        worker.start()
    try:
        return runner.submit(workspace, run, partial(do, workspace, run, listener), listener)
    finally:
        if runner.shared:
            worker.join()


CHECKS = (check_the_work_of_a_run_is_done_once, check_no_error_is_hidden)
