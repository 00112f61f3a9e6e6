"""What other threads have done, told to an event loop: all that is there by one call, where each had one of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, ref

T = TypeVar("T")


def arrival(done: Future[T]) -> asyncio.Future[T]:
    """The same to be awaited here, as by ``asyncio.wrap_future``: who cancels one cancels the other."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[T] = loop.create_future()
    told.add_done_callback(partial(_cancel_too, done))
    if loop not in _arrivals:
        _arrivals[loop] = Arrivals(loop)
    done.add_done_callback(partial(_arrivals[loop].add, told))
    return told


class Arrivals:
    """Outcomes on their way to one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = ref(loop)
        self._waiting: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._is_called = False

    def add(self, told: asyncio.Future[Any], done: Future[Any]) -> None:
        """From any thread: the loop shall hear of it."""
        self._waiting.append((told, done))
        loop = self._loop()
        if not self._is_called and loop is not None and not loop.is_closed():
            self._is_called = True
            loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_called = False  # what is added from here on calls again
        while self._waiting:
            _settle(*self._waiting.popleft())


def _settle(told: asyncio.Future[Any], done: Future[Any]) -> None:
    if told.done():
        return
    if done.cancelled():
        told.cancel()
    elif (error := done.exception()) is None:
        told.set_result(done.result())
    elif isinstance(error, StopIteration):  # which no future takes
        told.set_exception(RuntimeError(repr(error)))
    else:
        told.set_exception(error)


def _cancel_too(done: Future[Any], told: asyncio.Future[Any]) -> None:
    if told.cancelled():
        done.cancel()


_arrivals: WeakKeyDictionary[asyncio.AbstractEventLoop, Arrivals] = WeakKeyDictionary()
