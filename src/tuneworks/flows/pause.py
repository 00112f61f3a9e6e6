"""Pause a run: it keeps a checkpoint of its present step and stops."""

from __future__ import annotations

from tuneworks.core import lifecycle
from tuneworks.core.errors import Conflict
from tuneworks.core.recovery import recover
from tuneworks.core.text import Text
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import run_of


def pause(run: str, *, workspace: Workspace | None = None) -> Run:
    """Ask a run to pause, whatever process does it; it does so after its present step, one that waits at once."""
    workspace = workspace or Workspace.open()
    recover(workspace)
    found = run_of(workspace, run)
    if found.status not in lifecycle.AT_WORK:
        raise Conflict(
            Text(
                f"The run {found.id} is {found.status}; only one that waits or runs can be paused.",
                f"运行 {found.id} 的状态为 {found.status}，只有排队中或运行中的运行可以暂停。",
            ),
            Text("See the runs: tuneworks list runs", "查看所有运行：tuneworks list runs"),
        )
    return lifecycle.ask(workspace, found, "pause")
