"""Resume a run that did not finish: from its newest good checkpoint, or from the start where it left none."""

from __future__ import annotations

from functools import partial

from tuneworks.core import lifecycle, registry
from tuneworks.core.errors import Conflict
from tuneworks.core.events import Listener, silent
from tuneworks.core.recovery import recover
from tuneworks.core.text import Text
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import run_of
from tuneworks.flows.work import do, must_be_work

RESUMABLE = ("paused", "interrupted", "failed")


def resume(run: str, *, runner: str = "inline", workspace: Workspace | None = None, listener: Listener = silent) -> Run:
    """Go on with a paused, interrupted or failed run; the run as it ended. On one machine it ends in the same bytes.

    ``runner``: where the work is done, as in ``tune``.
    """
    workspace = workspace or Workspace.open()
    runs = registry.load("runners", runner)()
    queued = queue_again(workspace, run, reserved=not runs.shared)
    ended: Run = runs.submit(workspace, queued, partial(do, workspace, queued, listener), listener)
    return ended


def queue_again(workspace: Workspace, reference: str, *, reserved: bool) -> Run:
    """The run, queued once more; ``Conflict`` where there is nothing to go on with."""
    recover(workspace)
    found = run_of(workspace, reference)
    if found.status not in RESUMABLE:
        raise Conflict(
            Text(
                f"The run {found.id} is {found.status}; only a paused, interrupted or failed one can be resumed.",
                f"运行 {found.id} 的状态为 {found.status}，只有已暂停、已中断或失败的运行可以继续。",
            ),
            Text("See the runs: tuneworks list runs", "查看所有运行：tuneworks list runs"),
        )
    must_be_work(found)
    return lifecycle.again(workspace, found, reserved=reserved)
