"""What every key uses: counted in memory, written every second, told by hour and deployment."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from tuneworks.core.access import Caller, Usage
from tuneworks.core.clock import now
from tuneworks.core.errors import Conflict, TuneworksError
from tuneworks.core.workspace import Workspace

NAME = "usage_meter"
WRITTEN_EVERY_SECONDS = 1.0
ATTEMPTS = 20
COUNTED = ("requests", "refused", "rows", "characters", "tokens")
_making = threading.Lock()


@dataclass
class Spent:
    """What one request used; whoever answers it says so before it is answered."""

    deployment: str = ""
    rows: int = 0
    characters: int = 0
    tokens: int = 0


class UsageMeter:
    """Counts of this process that are not written yet, and the thread that writes them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._pending: dict[str, Usage] = {}
        self._leaving: dict[str, Usage] = {}
        self._turn = threading.Lock()
        self._writing = threading.Lock()
        self._months: dict[tuple[str, str], tuple[float, int]] = {}
        self._closing = threading.Event()
        self._writer = threading.Thread(target=self._write_on, name="usage", daemon=True)
        self._writer.start()

    def count(self, caller: Caller, spent: Spent, *, requests: int = 1, refused: int = 0) -> None:
        """Add what a caller used: by default one request that was answered."""
        hour = now()[:13]
        id = f"{caller.key_id}/{spent.deployment}/{hour}"
        with self._turn:
            usage = self._pending.get(id) or Usage(id, caller.key_id, caller.name, spent.deployment, hour, hour[:7])
            self._pending[id] = Usage(
                id,
                usage.key_id,
                usage.name,
                usage.deployment,
                hour,
                usage.month,
                requests=usage.requests + requests,
                refused=usage.refused + refused,
                rows=usage.rows + spent.rows,
                characters=usage.characters + spent.characters,
                tokens=usage.tokens + spent.tokens,
            )

    def rows_this_month(self, key_id: str) -> int:
        """How many rows the key was answered since the month (UTC) began; other processes' as of a second ago."""
        month = now()[:7]
        with self._turn:
            at, rows = self._months.get((key_id, month), (0.0, 0))
            if time.monotonic() - at <= WRITTEN_EVERY_SECONDS:
                return rows + self._unwritten(key_id)
        with self._writing:  # nothing is on its way to the store
            stored = self._workspace.store.find(Usage, key_id=key_id, month=month)
            rows = sum(usage.rows for usage in stored)
            with self._turn:
                self._months[key_id, month] = time.monotonic(), rows
                return rows + self._unwritten(key_id)

    def write(self) -> None:
        """Write what was counted; what cannot be written now is kept for the next time."""
        with self._writing:
            with self._turn:
                self._leaving, self._pending = self._pending, {}
            for usage in list(self._leaving.values()):
                try:
                    _add(self._workspace, usage)
                except TuneworksError:
                    self._settle(usage, written=False)
                else:
                    self._settle(usage, written=True)

    def close(self) -> None:
        """Write all that was counted and stop."""
        self._closing.set()
        self._writer.join()
        self.write()

    def _write_on(self) -> None:
        while not self._closing.wait(WRITTEN_EVERY_SECONDS):
            self.write()

    def _settle(self, usage: Usage, *, written: bool) -> None:
        """What was on its way is in the store now, or among what is to be written again."""
        with self._turn:
            del self._leaving[usage.id]
            self._months.pop((usage.key_id, usage.month), None)
            if not written:
                meanwhile = self._pending.get(usage.id)
                self._pending[usage.id] = _sum(usage, meanwhile) if meanwhile else usage

    def _unwritten(self, key_id: str) -> int:
        unwritten = (*self._pending.values(), *self._leaving.values())
        return sum(usage.rows for usage in unwritten if usage.key_id == key_id)


def meter_of(workspace: Workspace) -> UsageMeter:
    """The workspace's one meter, made on first use; closing the workspace closes it."""
    with _making:
        if NAME not in workspace.loaded:
            workspace.loaded[NAME] = UsageMeter(workspace)
        meter: UsageMeter = workspace.loaded[NAME]
        return meter


def close_meter(workspace: Workspace) -> None:
    """Write what is counted and stop the writer."""
    with _making:
        meter = workspace.loaded.pop(NAME, None)
    if meter is not None:
        meter.close()


def usage(*, key: str | None = None, month: str | None = None, workspace: Workspace | None = None) -> list[Usage]:
    """What was used, by whom: one record a key, deployment and hour; of one key or one month (``2026-11``)."""
    wanted: dict[str, Any] = {name: value for name, value in (("key_id", key), ("month", month)) if value is not None}
    return (workspace or Workspace.open()).store.find(Usage, **wanted)


def usage_csv(records: Iterable[Usage]) -> str:
    """The records as a table for spreadsheets: a text that would be taken for a formula is led by an apostrophe."""
    names = [field.name for field in fields(Usage) if field.name not in ("id", "month")]
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(names)
    table.writerows([_cell(getattr(record, name)) for name in names] for record in records)
    return written.getvalue()


def characters_in(value: object) -> int:
    """How many characters the texts in a value have.

    >>> characters_in([{"text": "late", "tags": ["重复", "扣款"]}, {"count": 3}])
    8
    """
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(characters_in, value.values()))
    return sum(map(characters_in, value)) if isinstance(value, (list, tuple)) else 0


def _cell(value: object) -> object:
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))
    return f"'{value}" if risky else value


def _add(workspace: Workspace, counted: Usage) -> None:
    """Add to what is stored, however many processes do so at once."""
    for _ in range(ATTEMPTS):
        revision = workspace.store.revision(Usage, counted.id)
        stored = workspace.store.get(Usage, counted.id)
        with suppress(Conflict):
            workspace.store.put(_sum(counted, stored) if stored else counted, expect={counted.id: revision})
            return
    workspace.store.put(_sum(counted, stored) if stored else counted, expect={counted.id: revision})


def _sum(one: Usage, other: Usage) -> Usage:
    return replace(one, **{name: getattr(one, name) + getattr(other, name) for name in COUNTED})
