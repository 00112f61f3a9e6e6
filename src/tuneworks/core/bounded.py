"""Folders of files that can be made again, kept within a size: what was used longest ago goes first.

Files that belong together share their name up to the last dot. ``NAME.used`` is empty: its time says when they were
last used, and whoever uses them holds it locked, so that nobody removes them meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_BYTES = 8 * 2**30
USED = ".used"


@contextmanager
def in_use(folder: Path, name: str) -> Iterator[None]:
    """Meanwhile the files of that name stay; they count as used now."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}{USED}", "a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        os.utime(file.name)
        yield


def trim(folder: Path, most: int = MOST_BYTES) -> None:
    """Remove files, those used longest ago first, until all are within ``most`` bytes; what is in use stays."""
    marks = sorted(folder.glob(f"*{USED}"), key=lambda path: path.stat().st_mtime_ns)
    files = {mark: [path for path in folder.glob(f"{mark.stem}.*") if path != mark] for mark in marks}
    total = sum(path.stat().st_size for own in files.values() for path in own)
    for mark, own in files.items():
        if total <= most:
            break
        size = sum(path.stat().st_size for path in own)
        if size and _removed(mark, own):
            total -= size


def _removed(mark: Path, files: list[Path]) -> bool:
    with open(mark, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        for path in files:
            path.unlink(missing_ok=True)
    return True
