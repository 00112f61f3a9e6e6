"""Files that are whole or absent: write beside, flush to disk, rename."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` so that a reader, or a crash at any moment, sees all of it or nothing."""
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that has its name, durably, once the block has ended; where the block raises, nothing is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = staged_beside(path)
    try:
        with open(staged, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
    finally:
        staged.unlink(missing_ok=True)
    sync_folder(path.parent)


def whole_folder(folder: Path, fill: Callable[[Path], None]) -> Path:
    """The folder, filled unless it is there already: whole or absent; of several at once the first one's stays."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = staged_beside(folder)
    try:
        fill(staged)
        sync_folder(staged)
        os.replace(staged, folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return folder


def staged_beside(path: Path) -> Path:
    """A fresh name beside ``path`` to write to first; it carries this process's number, so leftovers can be told."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
