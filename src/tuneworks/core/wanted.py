"""Work whose caller left stops at its next step, however deep inside it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_asked: ContextVar[Callable[[], bool] | None] = ContextVar("asked", default=None)


class Abandoned(Exception):
    """Nobody waits for the answer any more."""


@contextmanager
def while_wanted(asked: Callable[[], bool]) -> Iterator[None]:
    """What this thread does meanwhile goes on only as long as ``asked()`` is true; ``Abandoned`` where it is not."""
    before = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(before)


def go_on_if_wanted() -> None:
    """Raise ``Abandoned`` where nobody waits for this work; called between its steps."""
    asked = _asked.get()
    if asked is not None and not asked():
        raise Abandoned
