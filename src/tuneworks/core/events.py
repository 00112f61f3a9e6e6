"""Progress: long work tells one listener what it does; the caller decides how to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import TypeVar

from tuneworks.core.clock import now
from tuneworks.core.text import Text
from tuneworks.core.types import Event

Listener = Callable[[Event], None]
T = TypeVar("T")


def silent(event: Event) -> None:
    """The listener that hears nothing."""


def tell(
    listener: Listener, kind: str, message: Text, values: Mapping[str, float] | None = None, run_id: str | None = None
) -> None:
    """Send one event without a count."""
    listener(Event(kind, message, now(), run_id, values=values or {}))


def advance(
    listener: Listener,
    message: Text,
    step: int,
    total: int | None,
    *,
    values: Mapping[str, float] | None = None,
    run_id: str | None = None,
) -> None:
    """Send one event of counted work: ``step`` of ``total`` done."""
    listener(Event("progress", message, now(), run_id, step=step, total=total, values=values or {}))


def counted(items: Iterable[T], listener: Listener, message: Text, total: int | None = None) -> Iterator[T]:
    """Pass items on, telling the listener how many are done."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    for done, item in enumerate(items, start=1):
        yield item
        advance(listener, message, done, total)
