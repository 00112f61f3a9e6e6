"""While rows are answered numpy multiplies in the calling thread alone.

The idle threads of a BLAS wait for more by spinning, and take the processors from the workers that answer. The number
of threads is OpenBLAS's own for the whole process (of each thread where it was built on OpenMP), so the last one out
sets it back. ``threadpoolctl`` obeys the thread alone that set it first, until it is told to forget that one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import numpy as np
from threadpoolctl import LibController, OpenBLASController, ThreadpoolController

_lock = threading.Lock()
_within = 0


@contextmanager
def one_thread() -> Iterator[None]:
    """Meanwhile BLAS has one thread."""
    global _within
    with _lock:
        _within += 1
        if _within == 1:
            _have(dict.fromkeys(_usual(), 1))
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if _within == 0:
                _have(_usual())


def _have(threads: Mapping[LibController, int]) -> None:
    OpenBLASController.clear_controlling_thread(force=True)
    for library, count in threads.items():
        library.set_num_threads(count)
    OpenBLASController.clear_controlling_thread(force=True)


@cache
def _usual() -> Mapping[LibController, int]:
    """Every BLAS that was loaded by the time of the first answer, numpy's among them, and its number of threads."""
    assert np  # whose BLAS is loaded with it
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return {library: library.num_threads for library in found}
