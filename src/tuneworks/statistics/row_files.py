"""Rows of halves kept on disk by the content they belong to, as many a key as it has; read without loading them all.

Two files a name: ``.index`` (key, first row, number of rows) and ``.rows``, both only ever appended to, rows before
their index, so that a crash leaves at most rows without a key, which the next append overwrites.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENTRY = np.dtype([("key", "V32"), ("first", "<i8"), ("count", "<i8")])
HALF = np.dtype("<f2")

Halves = NDArray[np.float16]
Place = tuple[int, int]


class RowFiles:
    """Arrays (rows, ``width``) by keys of 32 bytes; the folder is there."""

    def __init__(self, folder: Path, name: str, width: int) -> None:
        self._index, self._rows = folder / f"{name}.index", folder / f"{name}.rows"
        self._lock = folder / f"{name}.lock"
        self._width = width

    def places(self) -> dict[bytes, Place]:
        """Where each key's rows are: the first, and how many."""
        entries = self._entries()
        keys = entries["key"].tobytes()
        ends = zip(entries["first"].tolist(), entries["count"].tolist(), strict=True)
        return {keys[32 * i : 32 * (i + 1)]: place for i, place in enumerate(ends)}

    def rows(self) -> Halves:
        """All rows, as they lie on disk."""
        count = self._count()
        if not count:
            return np.empty((0, self._width), HALF)
        return np.memmap(self._rows, HALF, mode="r", shape=(count, self._width))

    def append(self, new: Mapping[bytes, Halves]) -> None:
        """Keep more keys' rows; they are on disk before their keys are."""
        with self._locked():
            held = self._entries()
            end = int(held["first"][-1] + held["count"][-1]) if len(held) else 0
            counts = [len(rows) for rows in new.values()]
            entries = np.empty(len(new), ENTRY)
            entries["key"] = np.frombuffer(b"".join(new), "V32")
            entries["first"] = end + np.cumsum([0, *counts[:-1]])
            entries["count"] = counts
            _write(self._rows, end * self._row_bytes, [np.ascontiguousarray(rows, HALF) for rows in new.values()])
            _write(self._index, len(held) * ENTRY.itemsize, [entries])

    @property
    def _row_bytes(self) -> int:
        return HALF.itemsize * self._width

    def _count(self) -> int:
        return self._rows.stat().st_size // self._row_bytes if self._rows.exists() else 0

    def _entries(self) -> NDArray[Any]:
        """The whole entries whose rows are there."""
        data = self._index.read_bytes() if self._index.exists() else b""
        entries = np.frombuffer(data[: len(data) // ENTRY.itemsize * ENTRY.itemsize], ENTRY)
        lost = np.flatnonzero(entries["first"] + entries["count"] > self._count())
        return entries[: lost[0]] if len(lost) else entries

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self._lock, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _write(path: Path, at: int, arrays: Sequence[NDArray[Any]]) -> None:
    """Write from a place on, drop what stood behind it, and wait until it is on disk."""
    with open(path, "r+b" if path.exists() else "w+b") as file:
        file.seek(at)
        for array in arrays:
            file.write(array.tobytes())
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
