"""Processes that lend a hand: a module of ours at work somewhere, and the line of bytes to it."""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NOTHING: Mapping[str, str] = {}


class Hand(ABC):
    """A Python process of ours somewhere, and the line to it; it ends when the line does."""

    @abstractmethod
    def write(self, line: bytes) -> None:
        """Send a line; ``OSError`` where the process is gone."""

    @abstractmethod
    def readline(self) -> bytes:
        """The next line it tells, waited for; empty where the process is gone."""

    @abstractmethod
    def end(self, patience: float = 0.0) -> int | None:
        """End it, whatever it does, once it had so many seconds to end by itself; the code of one that did."""


class LocalHand(Hand):
    """A process on this machine."""

    def __init__(self, module: str, words: Sequence[str], threads: int, variables: Mapping[str, str] = NOTHING) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(THREADS, str(threads)), **variables},
        )

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def readline(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self, patience: float = 0.0) -> int | None:
        code = None
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(patience)
        self.process.kill()
        self.process.communicate()
        return code
