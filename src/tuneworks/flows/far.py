"""A run's process that another process started, and that ends with it: the run's own, or one that lends it a hand."""

from __future__ import annotations

import os
import signal
import sys
import threading

from tuneworks.core.errors import TuneworksError
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import run_of
from tuneworks.flows.seats import placed
from tuneworks.flows.work import do


def main(root: str, run: str) -> None:
    """Do the run, or help with it: its seat is in the environment."""
    seat = placed()
    helps = seat is not None and seat.rank > 0
    signal.signal(signal.SIGINT, signal.SIG_IGN if helps else signal.default_int_handler)
    threading.Thread(target=_end_with_the_one_who_started, daemon=True).start()
    try:
        with Workspace.open(root) as workspace:
            do(workspace, run_of(workspace, run))
    except TuneworksError as error:
        sys.exit(f"{error.problem} {error.fix}")


def _end_with_the_one_who_started() -> None:
    """Standard input ends when the process that holds its other end does."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
