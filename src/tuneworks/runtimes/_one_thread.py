"""While rows are answered numpy multiplies in the calling thread alone.

The idle threads of a BLAS wait for more by spinning, and take the processors from the workers that answer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import OpenBLASController, ThreadpoolController

_lock = threading.Lock()
_limits: list[Any] = []  # as often as somebody is within, the first one's


@contextmanager
def one_thread() -> Iterator[None]:
    """Limits numpy's BLAS, for the whole process, until the last one within has left."""
    with _lock:
        _limits.append(_limits[0] if _limits else _limited())
    try:
        yield
    finally:
        with _lock:
            limit = _limits.pop()
            if not _limits:
                OpenBLASController.clear_controlling_thread(force=True)
                limit.restore_original_limits()


def _limited() -> Any:
    OpenBLASController.clear_controlling_thread(force=True)  # else it would obey the thread alone that came first
    return _blas().limit(limits=1)


@cache
def _blas() -> Any:
    assert np  # whose BLAS is loaded with it
    return ThreadpoolController().select(user_api="blas")
