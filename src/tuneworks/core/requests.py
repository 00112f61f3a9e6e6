"""Which request something is done for: known wherever it is done, so that logs and errors can say so."""

from __future__ import annotations

from contextvars import ContextVar

from tuneworks.core.bound import Bound
from tuneworks.core.clock import new_id

_request: ContextVar[str | None] = ContextVar("request", default=None)


def request_id() -> str | None:
    """The id of the request that is worked on, where it is one."""
    return _request.get()


def new_request_id() -> str:
    """A fresh id for a request that came without one."""
    return new_id("req")


def working_for(id: str) -> Bound:
    """Whatever is done inside the block is done for that request."""
    return Bound(_request, id)
