"""Work in this process, at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuneworks.core.events import Listener
from tuneworks.core.keeping import Runner
from tuneworks.core.lifecycle import fail
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace


class InlineRunner(Runner):
    """Does the work where it is asked for; errors reach the caller as they are."""

    def submit(self, workspace: Workspace, run: Run, work: Callable[[], Any], listener: Listener) -> Run:
        """Do the work of a run now."""
        try:
            work()
        except BaseException as error:
            fail(workspace, run, error)
            raise
        return workspace.store.get(Run, run.id) or run
