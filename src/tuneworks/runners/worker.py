"""Work by whoever runs ``tuneworks work`` on the same workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuneworks.core.events import Listener, tell
from tuneworks.core.following import ENDS, follow, last_event, outcome
from tuneworks.core.keeping import Runner
from tuneworks.core.text import Text
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace


class WorkerRunner(Runner):
    """Leaves the run in the queue and passes on what it tells; who stops waiting leaves it where it is."""

    shared = True

    def submit(self, workspace: Workspace, run: Run, work: Callable[[], Any], listener: Listener) -> Run:
        """Wait until a worker has done the run."""
        waits = Text(
            f"The run {run.id} waits for a worker: tuneworks work", f"运行 {run.id} 正在等待工作进程：tuneworks work"
        )
        tell(listener, "queued", waits, run_id=run.id)
        for event in follow(workspace, run.id, last_event(workspace, run)):
            if event is not None and event.kind not in ENDS:
                listener(event)
        return outcome(workspace, run.id)
