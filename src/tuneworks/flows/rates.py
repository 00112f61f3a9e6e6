"""How fast a key may ask: one allowance for all processes, from which each takes a little at a time."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tuneworks.core.access import Allowance, ApiKey, Caller
from tuneworks.core.errors import Conflict, TooManyRequests
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace
from tuneworks.flows.usage import meter_of

BURST_SECONDS = 3.0  # so much of its rate a key may use at once after a pause
TAKEN_SECONDS = 0.25  # so much a process takes from the store at a time
STALE_SECONDS = 1.0
CLOCK_SLIP_SECONDS = 5.0


@dataclass
class Taken:
    """What a process may still admit without asking, until when; and until when there is nothing to be had."""

    requests: int = 0
    good_until: float = 0.0
    nothing_until: float = 0.0


class Rates:
    """Admits requests of keys that have a rate (generic cell rate algorithm, ITU-T I.371)."""

    def __init__(self, workspace: Workspace) -> None:
        self._store = workspace.store
        self._taken: dict[str, Taken] = {}
        self._turn = threading.Lock()

    def wait_seconds(self, key: ApiKey) -> float | None:
        """0 where a request is admitted at once, else when to try again; ``None``: the store must be asked."""
        with self._turn:
            taken, moment = self._taken.setdefault(key.id, Taken()), time.monotonic()
            if taken.requests > 0 and moment < taken.good_until:
                taken.requests -= 1
                return 0.0
            return taken.nothing_until - moment if moment < taken.nothing_until else None

    def ask(self, key: ApiKey) -> float:
        """Take from what all processes share; 0 where a request is admitted, else the seconds until one may be."""
        granted, wait = self._granted(key)
        with self._turn:
            moment = time.monotonic()
            if granted == 0:
                self._taken[key.id] = Taken(nothing_until=moment + wait)
                return wait
            left = self._taken.get(key.id, Taken())
            others = left.requests if moment < left.good_until else 0
            self._taken[key.id] = Taken(others + granted - 1, moment + STALE_SECONDS)
            return 0.0

    def _granted(self, key: ApiKey) -> tuple[int, float]:
        interval = 60.0 / (key.rate or 1)
        burst = max(interval, BURST_SECONDS)
        while True:
            revision, stored = self._store.revision(Allowance, key.id), self._store.get(Allowance, key.id)
            moment = time.time()
            until = max(moment, stored.until if stored else moment)
            if until > moment + burst + CLOCK_SLIP_SECONDS:
                until = moment
            free = int((moment + burst - until) / interval + 1e-6)
            if free < 1:
                return 0, until + interval - burst - moment
            some = min(free, max(1, int(TAKEN_SECONDS / interval)))
            with suppress(Conflict):
                self._store.put(Allowance(key.id, until + some * interval), expect={key.id: revision})
                return some, 0.0


def must_be_within_rate(key: ApiKey, wait_seconds: float) -> None:
    """Raise ``TooManyRequests`` where the key must wait."""
    if wait_seconds > 0:
        raise TooManyRequests(
            Text(f"The key may send {key.rate} requests a minute.", f"此密钥每分钟最多 {key.rate} 次请求。"),
            Text("Wait as long as Retry-After says.", "请按 Retry-After 等待后重试。"),
            wait_seconds,
        )


def must_be_within_quota(key: ApiKey, rows: int) -> None:
    """Raise ``TooManyRequests`` until the next month where the key's rows of this one are used up."""
    if key.quota and rows >= key.quota:
        raise TooManyRequests(
            Text(f"The key's {key.quota} rows of this month are used up.", f"此密钥本月的 {key.quota} 行额度已用完。"),
            Text("Wait for the next month, or ask an administrator.", "请等到下个月，或联系管理员。"),
            seconds_to_next_month(datetime.now(UTC)),
        )


def must_have_left(workspace: Workspace, caller: Caller, rows: int) -> None:
    """Raise ``TooManyRequests`` where so many rows are more than the caller's key has left of its month."""
    key = workspace.store.get(ApiKey, caller.key_id)
    if key is not None and key.quota:
        must_be_within_quota(key, meter_of(workspace).rows_this_month(key.id) + rows - 1)


def seconds_to_next_month(moment: datetime) -> float:
    """How long the present month (UTC) still is.

    >>> seconds_to_next_month(datetime(2026, 12, 31, 23, 59, 50, tzinfo=UTC))
    10.0
    """
    ahead = (moment.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (ahead - moment).total_seconds()
