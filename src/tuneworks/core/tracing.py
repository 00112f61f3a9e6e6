"""Whether predictions are traced, and where their stages go; nobody is told unless a tracer was put in place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field

from tuneworks.core.requests import request_id
from tuneworks.core.stages import Stage, collected

Tracer = Callable[["Trace"], None]
_tracers: list[Tracer] = []
_parent: ContextVar[str] = ContextVar("parent", default="")


@dataclass
class Trace:
    """One request on its way, in nanoseconds since 1970; ``parent``: the caller's ``traceparent``, if one was sent."""

    began: int = field(default_factory=time.time_ns)
    parent: str = field(default_factory=_parent.get)
    request_id: str | None = field(default_factory=request_id)
    stages: list[Stage] = field(default_factory=list)
    ended: int = 0
    attributes: Mapping[str, str | int] = field(default_factory=dict)

    def has_waited(self) -> None:
        """Its work begins, where it had not begun before."""
        if not self.stages:
            self.stages.append(Stage("queue", self.began, time.time_ns()))

    def end(self, **attributes: str | int) -> None:
        """Hand it to whoever traces."""
        self.ended, self.attributes = time.time_ns(), attributes
        for tracer in _tracers:
            tracer(self)


def trace_by(tracer: Tracer | None) -> None:
    """Tell this tracer of every request from now on; ``None``: nobody."""
    _tracers[:] = [] if tracer is None else [tracer]


def begun() -> Trace | None:
    """The trace of a request that begins here, where anybody wants to know."""
    return Trace() if _tracers else None


def collected_for(traces: list[Trace]) -> AbstractContextManager[None]:
    """The stages of the block's work belong to all of these requests."""
    return _collected_for(traces) if traces else nullcontext()


def is_traced() -> bool:
    """Whether anybody wants to know."""
    return bool(_tracers)


@contextmanager
def sent_by(parent: str) -> Iterator[None]:
    """Requests inside the block are part of the caller's trace."""
    token = _parent.set(parent)
    try:
        yield
    finally:
        _parent.reset(token)


@contextmanager
def _collected_for(traces: list[Trace]) -> Iterator[None]:
    for trace in traces:
        trace.has_waited()
    with collected() as stages:
        yield
    for trace in traces:
        trace.stages += stages
