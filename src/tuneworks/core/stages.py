"""Stages of the work for a request, with their beginnings and ends; kept only while somebody collects them.

>>> with collected() as stages, stage("infer"), stage("tokenise"):
...     pass
>>> [(one.name, one.depth) for one in stages]
[('tokenise', 1), ('infer', 0)]
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

_NOTHING: AbstractContextManager[None] = nullcontext()
_collecting: ContextVar[list[Stage] | None] = ContextVar("stages", default=None)
_depth: ContextVar[int] = ContextVar("depth", default=0)


@dataclass(frozen=True)
class Stage:
    """A stretch of work: nanoseconds since 1970, and within how many others it lies."""

    name: str
    began: int
    ended: int
    depth: int = 0


def stage(name: str) -> AbstractContextManager[None]:
    """Note how long the block takes, where somebody collects stages; else nothing at all."""
    return _NOTHING if _collecting.get() is None else _noted(name)


@contextmanager
def collected() -> Iterator[list[Stage]]:
    """The stages of the block's work in this thread, each once it has ended."""
    found: list[Stage] = []
    token = _collecting.set(found)
    try:
        yield found
    finally:
        _collecting.reset(token)


@contextmanager
def _noted(name: str) -> Iterator[None]:
    found, depth = _collecting.get(), _depth.get()
    token, began = _depth.set(depth + 1), time.time_ns()
    try:
        yield
    finally:
        _depth.reset(token)
        if found is not None:
            found.append(Stage(name, began, time.time_ns(), depth))
