"""Values that hold for the length of a ``with`` block, wherever in it one looks."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any


class Bound:
    """A context variable at a value, as before afterwards; made for every request, so it is leaner than a generator."""

    __slots__ = ("_token", "_value", "_variable")

    def __init__(self, variable: ContextVar[Any], value: Any) -> None:
        self._variable, self._value = variable, value
        self._token: Token[Any] | None = None

    def __enter__(self) -> None:
        self._token = self._variable.set(self._value)

    def __exit__(self, *raised: object) -> None:
        assert self._token is not None
        self._variable.reset(self._token)
