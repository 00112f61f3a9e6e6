"""Cancel a run: it stops for good, and nothing of it is kept."""

from __future__ import annotations

import shutil
from dataclasses import replace

from tuneworks.core import lifecycle
from tuneworks.core.clock import now
from tuneworks.core.errors import Conflict
from tuneworks.core.recovery import recover
from tuneworks.core.text import Text
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import run_of


def cancel(run: str, *, workspace: Workspace | None = None) -> Run:
    """Ask a run to stop for good, whatever process does it; one that nobody does ends at once."""
    workspace = workspace or Workspace.open()
    recover(workspace)
    found = run_of(workspace, run)
    if found.status in lifecycle.AT_WORK:
        return lifecycle.ask(workspace, found, "cancel")
    if found.status in ("finished", "cancelled"):
        raise Conflict(
            Text(f"The run {found.id} is {found.status} already.", f"运行 {found.id} 的状态已是 {found.status}。"),
            Text("See the runs: tuneworks list runs", "查看所有运行：tuneworks list runs"),
        )
    revision = workspace.store.revision(Run, found.id)
    cancelled = replace(found, status="cancelled", ended=now(), wanted=None, error=lifecycle.CANCELLED)
    workspace.store.put(cancelled, expect={found.id: revision})
    shutil.rmtree(workspace.checkpoints / found.id, ignore_errors=True)
    return cancelled
