"""Following a run from its stored events, whatever process does it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tuneworks.core.errors import RunFailed
from tuneworks.core.holding import stopped
from tuneworks.core.lifecycle import AT_WORK, STOPPED_AS, lease_id
from tuneworks.core.processes import is_alive
from tuneworks.core.recovery import recover
from tuneworks.core.text import Text, plain
from tuneworks.core.types import Event, Lease, Run
from tuneworks.core.workspace import Workspace

LOOK_SECONDS = 0.25
ENDS = ("finished", "failed", "interrupted", "paused", "cancelled")
EVENTS_AT_ONCE = 1000
EVENTS_LOOKED_AT = 50


def events_after(workspace: Workspace, run_id: str, last: str | None) -> list[Event]:
    """The run's stored events after the one with that id; from the first where none is named."""
    return workspace.store.find(Event, run_id=run_id, after=last, limit=EVENTS_AT_ONCE)


def start_process(workspace: Workspace, run: Run) -> subprocess.Popen[bytes]:
    """A process that does a queued run and tells of it in the store alone; it lives on without this one."""
    command = [sys.executable, "-m", "tuneworks", "--workspace", workspace.address, "work", "--run", run.id]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)


def last_event(workspace: Workspace, run: Run) -> str | None:
    """The id of the newest stored event of a run."""
    newest = workspace.store.find(Event, run_id=run.id, newest_first=True, limit=1)
    return newest[0].id if newest else None


def follow(
    workspace: Workspace, run_id: str, last: str | None = None, gone: Callable[[], bool] = lambda: False
) -> Iterator[Event | None]:
    """The run's events as they are stored, ``None`` where nothing is new, until it has ended or ``gone`` says so."""
    while True:
        over = gone() or is_over(workspace, run_id)
        found = events_after(workspace, run_id, last)
        yield from found
        if found:
            last = found[-1].id
        elif over:
            return
        else:
            yield None
            time.sleep(LOOK_SECONDS)


def is_over(workspace: Workspace, run_id: str) -> bool:
    """Whether nothing more will be told of a run: it has ended, or nobody is left who does it."""
    lease, run = workspace.store.get(Lease, lease_id(run_id)), workspace.store.get(Run, run_id)
    if run is None:
        return True
    if lease is not None:
        return not is_alive(lease.owner)
    return run.status not in AT_WORK or (run.owner is not None and not is_alive(run.owner))


def outcome(workspace: Workspace, run_id: str) -> Run:
    """The run that another process has done; where it did not finish, the error that says why."""
    recover(workspace)
    run = workspace.store.get(Run, run_id)
    for wanted, status in STOPPED_AS.items():
        if run is not None and run.status == status:
            raise stopped(run, wanted)
    if run is None or run.status != "finished":
        raise RunFailed(
            Text(f"The run {run_id} did not finish.", f"运行 {run_id} 没有完成。"),
            (run.error if run else None) or plain(f"tuneworks show {run_id}"),
        )
    return run


@dataclass(frozen=True)
class Progress:
    """Where a run is: the newest counted step it told of, and the seconds it may still take as of then."""

    message: Text
    step: int
    total: int | None
    at: str
    values: Mapping[str, float]


def progress_of(workspace: Workspace, run: Run) -> Progress | None:
    """Where a run is; nothing where it has told of no counted work lately."""
    newest = workspace.store.find(Event, run_id=run.id, newest_first=True, limit=EVENTS_LOOKED_AT)
    found = next((event for event in newest if event.step is not None), None)
    if found is None or found.step is None:
        return None
    return Progress(found.message, found.step, found.total, found.at, found.values)
