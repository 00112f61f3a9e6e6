"""Work in this process, at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tuneworks.core.keeping import Runner

R = TypeVar("R")


class InlineRunner(Runner):
    """Does the work where it is asked for; errors reach the caller as they are."""

    def submit(self, run_id: str, work: Callable[[], R]) -> R:
        """Do the work of a run now and return what it gives."""
        return work()
