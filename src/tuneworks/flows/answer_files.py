"""Answers written down as they are given, so that whoever goes on with a job knows where it stood."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuneworks.core.answers import Answer
from tuneworks.core.files import sync_folder

PATTERN = "answers.*.jsonl"


@dataclass(frozen=True)
class Line:
    """One answer of a job, as it is handed out: like one given over HTTP."""

    id: str
    answer: Answer
    version: str
    milliseconds: float
    key: str | None = None


class AnswerFile:
    """A line of JSON an answer, on disk before ``add`` returns; ``lines`` counts those of earlier attempts too.

    Each attempt (``claims``) writes a file of its own, begun with the whole lines of the one that came furthest: a
    process that lost the job writes into nothing.
    """

    def __init__(self, folder: Path, claims: int) -> None:
        self.path = folder / f"answers.{claims:06d}.jsonl"
        before = [path for path in folder.glob(PATTERN) if path != self.path]
        furthest = max(before, key=lambda path: whole_lines(path)[0], default=None)
        self.lines = 0
        self._file: Any
        if furthest is None:
            self._file = open(self.path, "wb")  # noqa: SIM115  (open as long as this is)
        else:
            self.lines, size = whole_lines(furthest)
            shutil.copyfile(furthest, self.path)
            self._file = open(self.path, "r+b")  # noqa: SIM115
            self._file.seek(size)
            self._file.truncate()
        self._flush()
        sync_folder(folder)
        for path in before:
            path.unlink()

    def add(self, lines: Sequence[str]) -> None:
        """Write answers down."""
        self._file.write("".join(f"{line}\n" for line in lines).encode())
        self._flush()
        self.lines += len(lines)

    def _flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()


def whole_lines(path: Path) -> tuple[int, int]:
    """How many lines of a file are whole, and how many bytes they are."""
    count = size = 0
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                count, size = count + 1, size + len(line)
    return count, size
