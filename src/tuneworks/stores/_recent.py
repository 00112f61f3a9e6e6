"""Records that were read a moment ago: who asks for the same ones again and again need not wait for a database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

MOST_KEPT = 256
Key = tuple[type, str]


class Recent:
    """What was read by key, and when; whatever this process writes, nothing read before it is given any more."""

    def __init__(self) -> None:
        self._kept: dict[Key, tuple[float, Any]] = {}
        self._writes = 0
        self._turn = threading.Lock()

    def get(self, key: Key, age: float, read: Callable[[], Any]) -> Any:
        """What was read at most ``age`` seconds ago, else what is read now."""
        now, writes = time.monotonic(), self._writes
        at, record = self._kept.get(key, (-age - 1.0, None))
        if now - at <= age:
            return record
        record = read()
        with self._turn:
            if writes == self._writes and record is not None:
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[key] = now, record
        return record

    def forget(self) -> None:
        """Something was written."""
        with self._turn:
            self._writes += 1
            self._kept.clear()
