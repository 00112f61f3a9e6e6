"""Figures of several servers of one workspace, summed: each writes its own beside the others' every now and then."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuneworks.core.files import sha256_of_bytes, staged_beside
from tuneworks.core.meters import METERS, Key, Seconds, durations, figures
from tuneworks.core.processes import owner

WRITE_SECONDS = 1.0
LIVES_SECONDS = 10.0
GAUGES = {meter.name for meter in METERS if meter.kind == "gauge"}
Figures = tuple[dict[Key, float], dict[Key, Seconds]]


class Sharing:
    """This process's figures in a file, and all processes' summed: counters outlive the process that counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / f"{sha256_of_bytes(owner().encode())[:16]}.json"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="figures", daemon=True)

    def begin(self) -> None:
        """Write from now on; where no other server lives, all counters begin anew."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not any(lives for lives, _ in self._others()):
            for path in self._folder.glob("*.json"):
                path.unlink(missing_ok=True)
        self._thread.start()

    def end(self) -> None:
        """Write for the last time."""
        self._ended.set()
        self._thread.join()

    def summed(self) -> Figures:
        """What all servers counted, those that are gone too; what stands somewhere, of those that live."""
        values, seconds = figures(), durations()
        for lives, told in self._others():
            for name, labels, value in told["figures"]:
                if lives or name not in GAUGES:
                    key = name, tuple(labels)
                    values[key] = values.get(key, 0.0) + value
            for name, labels, counts, total in told["seconds"]:
                found = seconds.setdefault((name, tuple(labels)), Seconds())
                found.counts = [own + others for own, others in zip(found.counts, counts, strict=True)]
                found.sum += total
        return values, seconds

    def _others(self) -> list[tuple[bool, dict[str, Any]]]:
        """What other servers wrote, and whether they still do."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            if path != self._file:
                with suppress(OSError, ValueError):
                    age = time.time() - path.stat().st_mtime
                    found.append((age < LIVES_SECONDS, json.loads(path.read_bytes())))
        return found

    def _work(self) -> None:
        last = b""
        while True:
            ended = self._ended.wait(WRITE_SECONDS)
            said = _plain()
            with suppress(OSError):  # a full disk costs the others these figures, and nobody an answer
                if said == last:
                    os.utime(self._file)
                else:
                    self._write(said)
                    last = said
            if ended:
                return

    def _write(self, said: bytes) -> None:
        staged = staged_beside(self._file)
        try:
            staged.write_bytes(said)
            os.replace(staged, self._file)
        finally:
            staged.unlink(missing_ok=True)


def _plain() -> bytes:
    """This process's figures as JSON."""
    said = {
        "figures": [(name, labels, value) for (name, labels), value in figures().items()],
        "seconds": [(name, labels, found.counts, found.sum) for (name, labels), found in durations().items()],
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
