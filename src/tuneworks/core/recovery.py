"""What a process left that is gone: runs it did, ends it had not told of, files half written, its working folders."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tuneworks.core.clock import now
from tuneworks.core.lifecycle import AT_WORK, FINISHED, LEASE, end, go_on
from tuneworks.core.processes import exists, is_alive
from tuneworks.core.text import Text
from tuneworks.core.types import Event, Lease, Run
from tuneworks.core.working import sweep
from tuneworks.core.workspace import Workspace

LEFTOVER_AFTER_SECONDS = 600
STAGED = re.compile(r"\..*\.(\d+)(-[0-9a-f]+)?\.part")


def recover(workspace: Workspace) -> list[Run]:
    """Mark runs whose process is gone as interrupted and sweep what was left; each such run is returned once.

    Where the process went before it had told of the end, that is told now.
    """
    gone = [
        end(workspace, replace(run, status="interrupted", ended=now(), error=_cut_off(run)))
        for run in _abandoned(workspace)
    ]
    for lease in workspace.store.find(Lease):
        _tell_end(workspace, lease)
    sweep(workspace.working)
    for leftover in _leftovers(workspace):
        shutil.rmtree(leftover, ignore_errors=True) if leftover.is_dir() else leftover.unlink(missing_ok=True)
    return [run for run in gone if run]


def _tell_end(workspace: Workspace, lease: Lease) -> None:
    """Of a run that nobody does any more: its end as its last event, and the lease given back."""
    store, run = workspace.store, workspace.store.get(Run, lease.id.removesuffix(LEASE))
    if is_alive(lease.owner) or (run is not None and run.status in AT_WORK):
        return
    if run is not None:
        newest = store.find(Event, run_id=run.id, newest_first=True, limit=1)
        if not newest or newest[0].kind != run.status:
            told = Event(run.status, run.error or FINISHED, now(), run.id, id=f"{run.id}.{run.claims:03d}.end")
            store.append([told])
    store.remove(Lease, lease.id)


def _abandoned(workspace: Workspace) -> Iterator[Run]:
    for status in AT_WORK:
        for run in workspace.store.find(Run, status=status):
            if run.owner is not None and not is_alive(run.owner):
                yield run


def _leftovers(workspace: Workspace) -> Iterator[Path]:
    """Staged files and folders whose process is gone and that nobody touched for a while; checkpoints of no use."""
    for folder in (
        workspace.root / "blobs",
        workspace.models,
        workspace.cache,
        workspace.reports,
        workspace.checkpoints,
    ):
        for path in list(folder.rglob(".*.part")):
            staged = STAGED.fullmatch(path.name)
            if staged and not exists(int(staged[1])) and _age_seconds(path) > LEFTOVER_AFTER_SECONDS:
                yield path
    for path in list(workspace.checkpoints.glob("run-*")):
        run = workspace.store.get(Run, path.name)
        if run is None or run.status in ("finished", "cancelled"):
            yield path


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _cut_off(run: Run) -> Text:
    way = go_on(run)
    return Text(
        "The process that did this run ended before it was done (killed, or the machine stopped). "
        f"Nothing else was touched. {way.en}",
        f"执行此运行的进程在完成之前已结束（被终止或机器停机），其他数据未受影响。{way.zh}",
    )
