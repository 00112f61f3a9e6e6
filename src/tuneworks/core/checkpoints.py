"""Checkpoints: what a run goes on from, whole or absent, and never taken where a byte of it differs.

::

    FOLDER/0000000120/     one checkpoint: its files as they were given, and
        manifest.json      the owner's name, the step, the SHA-256 of every file, and of itself
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.files import sha256_of_bytes, staged_beside, sync_folder

MANIFEST = "manifest.json"
KEPT = 2
FOLDER = re.compile(r"[0-9]{10}")
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Checkpoint:
    """The state of one step: file name -> bytes."""

    step: int
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Damaged:
    """A checkpoint that cannot be used, and what is wrong with it."""

    folder: Path
    reason: str


class Checkpoints:
    """The checkpoints of one piece of work in a folder of their own; ``name`` is written into each."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    def write(self, step: int, files: Mapping[str, bytes]) -> None:
        """Keep the files as the state of a step: staged, flushed to disk, renamed; then drop all but the newest few."""
        if wrong := [name for name in files if not FILE.fullmatch(name) or name == MANIFEST]:
            raise ValueError(f"a checkpoint cannot hold files named {wrong}")
        place = self.folder / f"{step:010d}"
        staged = staged_beside(place)
        staged.mkdir(parents=True)
        for name, data in files.items():
            _flushed(staged / name, data)
        _flushed(staged / MANIFEST, _manifest(self.name, step, files))
        sync_folder(staged)
        _move_away(place)
        os.rename(staged, place)
        sync_folder(self.folder)
        for old in self._places()[KEPT:]:
            _move_away(old)

    def newest(self, damaged: Callable[[Damaged], None]) -> Checkpoint | None:
        """The checkpoint of the highest step that verifies; every newer one that does not is told."""
        for place in self._places():
            found = _read(place, self.name)
            if isinstance(found, Checkpoint):
                return found
            damaged(found)
        return None

    def _places(self) -> list[Path]:
        """Checkpoint folders, highest step first; file times play no part."""
        if not self.folder.is_dir():
            return []
        return sorted((path for path in self.folder.iterdir() if FOLDER.fullmatch(path.name)), reverse=True)


def _read(place: Path, name: str) -> Checkpoint | Damaged:
    """The checkpoint in a folder, if every byte is the one that was written."""
    try:
        held = {path.name: path.read_bytes() for path in place.iterdir()}
    except OSError as error:
        return Damaged(place, str(error))
    manifest = held.pop(MANIFEST, None)
    if manifest is None:
        return Damaged(place, f"{MANIFEST} is missing")
    if manifest != _manifest(name, int(place.name), held):
        return Damaged(place, _difference(manifest, held))
    return Checkpoint(int(place.name), held)


def _manifest(name: str, step: int, files: Mapping[str, bytes]) -> bytes:
    """The only bytes a manifest of these files can have."""
    hashes = {file: sha256_of_bytes(files[file]) for file in sorted(files)}
    said = {"name": name, "step": step, "files": hashes}
    own = sha256_of_bytes(json.dumps(said, sort_keys=True).encode())
    return json.dumps({**said, "sha256": own}, sort_keys=True, indent=1).encode()


def _difference(manifest: bytes, held: Mapping[str, bytes]) -> str:
    """What is wrong, in a few words: for people only, the decision is made on all bytes."""
    try:
        expected = dict(json.loads(manifest)["files"])
    except (ValueError, KeyError, TypeError):
        return f"{MANIFEST} cannot be read"
    missing = sorted(expected.keys() - held.keys())
    changed = sorted(file for file in expected.keys() & held.keys() if sha256_of_bytes(held[file]) != expected[file])
    added = sorted(held.keys() - expected.keys())
    told = {"missing": missing, "changed": changed, "added": added}
    return "; ".join(f"{what}: {', '.join(files)}" for what, files in told.items() if files) or f"{MANIFEST} differs"


def _flushed(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _move_away(place: Path) -> None:
    """Gone under its name at once, so that a checkpoint is never found in half."""
    if place.exists():
        shutil.rmtree(place.rename(staged_beside(place)))
