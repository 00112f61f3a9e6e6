"""The server's log: one line of JSON a request, written behind the requests; it never says what was asked or answered.

``TUNEWORKS_LOG`` says where: ``stderr`` (where nothing is said), a file's name, or ``off``.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from contextlib import suppress
from typing import Any

import msgspec

from tuneworks.core.clock import now

VARIABLE = "TUNEWORKS_LOG"
MOST_WAITING = 10_000
ENCODE = msgspec.json.Encoder().encode


class Journal:
    """Lines handed to one thread that writes them, many at a time; those it cannot keep up with are counted."""

    def __init__(self, place: str | None = None) -> None:
        self._place = place or os.environ.get(VARIABLE) or "stderr"
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue(MOST_WAITING)
        self._lost = 0
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)

    @property
    def is_on(self) -> bool:
        return self._place != "off"

    def begin(self) -> None:
        """Write from now on."""
        if self.is_on:
            self._thread.start()

    def say(self, event: str, **fields: Any) -> None:
        """One line; who calls waits for nothing."""
        if not self.is_on:
            return
        try:
            self._lines.put_nowait({"at": now(), "event": event, **fields})
        except queue.Full:
            self._lost += 1

    def end(self, seconds: float = 2.0) -> None:
        """Write what waits, as long as somebody reads it."""
        if self._thread.is_alive():
            with suppress(queue.Full):
                self._lines.put_nowait(None)
            self._thread.join(seconds)

    def _work(self) -> None:
        ended = False
        while not ended:
            told = [self._lines.get()]
            with suppress(queue.Empty):
                while len(told) < MOST_WAITING:
                    told.append(self._lines.get_nowait())
            ended = None in told
            lines = [line for line in told if line is not None]
            if self._lost:
                lines.append({"at": now(), "event": "lost-lines", "lines": self._lost})
                self._lost = 0
            with suppress(OSError, ValueError):  # a full disk or a closed pipe stops no answers
                self._write(b"".join(ENCODE(line) + b"\n" for line in lines))

    def _write(self, said: bytes) -> None:
        if self._place == "stderr":
            sys.stderr.buffer.write(said)
            sys.stderr.buffer.flush()
            return
        descriptor = os.open(self._place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, said)
        finally:
            os.close(descriptor)
