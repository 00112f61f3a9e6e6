"""Batches answered side by side: one single-threaded worker a core beats all cores on one small batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from tuneworks.neural.devices import workers

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Results in order, without gradients, with as many workers as torch has threads; a single item uses them all."""
    listed = list(items)
    count = min(workers(), len(listed))
    if count < 2:
        yield from map(_without_gradients(work), listed)
        return
    with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.map(_without_gradients(work), listed)


def _without_gradients(work: Callable[[T], R]) -> Callable[[T], R]:
    def quietly(item: T) -> R:
        with torch.inference_mode():
            return work(item)

    return quietly
