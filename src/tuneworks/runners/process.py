"""Work in a process of its own, which outlives the terminal; killing it leaves the run to be resumed."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tuneworks.core.events import Listener
from tuneworks.core.following import ENDS, follow, last_event, outcome, start_process
from tuneworks.core.keeping import Runner
from tuneworks.core.lifecycle import fail
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace

LAST_STEP_SECONDS = 60.0


class ProcessRunner(Runner):
    """Starts ``tuneworks work --run`` and passes on what the run tells; Ctrl-C here is Ctrl-C there."""

    def submit(self, workspace: Workspace, run: Run, work: Callable[[], Any], listener: Listener) -> Run:
        """Have the run done by a process of its own, and wait for it."""
        process = start_process(workspace, run)
        try:
            for event in follow(workspace, run.id, last_event(workspace, run), lambda: process.poll() is not None):
                if event is not None and event.kind not in ENDS:
                    listener(event)
            process.wait()
        except BaseException as error:
            _stop(process)
            fail(workspace, run, error)
            raise
        return outcome(workspace, run.id)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let the process end its step and keep a checkpoint; kill it where that takes too long, or is not waited for."""
    try:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        process.wait(LAST_STEP_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
