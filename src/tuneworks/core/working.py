"""Working folders: gone when the process is done with them; of a process that was killed, swept by the next one.

Whoever works in a folder holds it locked (``flock`` on the folder itself), so that what is not locked is left over.
Such locks are one machine's own: several machines have several places.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def working_folder(place: Path) -> Iterator[Path]:
    """An empty folder of one's own in ``place``."""
    place.mkdir(parents=True, exist_ok=True)
    sweep(place)
    folder, held = _made(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep(place: Path) -> None:
    """Remove the working folders in ``place`` that nobody works in."""
    for folder in list(place.glob("*")):
        with suppress(OSError), _opened(folder) as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _made(place: Path) -> tuple[Path, int]:
    """A folder that is locked; one that was swept before that is made anew."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=place, prefix=""))
        with suppress(FileNotFoundError):
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(held, fcntl.LOCK_SH)
                if folder.is_dir():
                    return folder, held
            except OSError:
                os.close(held)
                raise
            os.close(held)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield opened
    finally:
        os.close(opened)
