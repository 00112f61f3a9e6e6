"""A series of numbers in time: its step and season, the windows it is cut into, and the scale they are read at.

A moment given twice counts as it was said last. Moments that are missing are known by the step: in a history at most
``BRIDGED`` of them in a row hold the value before them, as it was known then; a missing moment is never a target.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BRIDGED = 3
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
MONTH, YEAR = (28 * DAY, 31 * DAY), (365 * DAY, 366 * DAY)


@dataclass(frozen=True)
class Moment:
    """One moment of a series: its time as written, its value (``None`` where missing), its split."""

    time: str
    value: float | None
    side: str


@dataclass(frozen=True)
class Cut:
    """How a series is cut: so many values of history, so many to come, training windows every ``stride`` steps."""

    history: int
    horizon: int
    stride: int = 1


@dataclass(frozen=True)
class SeriesWindow:
    """A history that ends at ``time``, the values that came next, and the split these lie in."""

    time: str
    history: list[float]
    coming: list[float]
    side: str


def step_of(times: Sequence[str]) -> float:
    """The commonest distance of neighbouring moments in seconds; 0 where there are fewer than two."""
    moments = sorted({datetime.fromisoformat(time) for time in times})
    apart = Counter((after - before).total_seconds() for before, after in pairwise(moments))
    return max(apart, key=lambda seconds: (apart[seconds], -seconds)) if apart else 0.0


def season_of(step: float) -> int:
    """After how many steps a series is likely to repeat: a day, a week, a year; 1 where nothing is likely.

    >>> season_of(HOUR), season_of(900.0), season_of(DAY), season_of(30 * DAY), season_of(YEAR[0])
    (24, 96, 7, 12, 1)
    """
    if 0 < step < DAY:
        return max(1, round(DAY / step))
    if step == DAY:
        return 7
    return 12 if MONTH[0] <= step <= MONTH[1] else 1


def moved(time: str, step: float, steps: int) -> str:
    """The time so many steps later, written as the given one; months and years go by the calendar.

    >>> moved("2024-01-31", 30 * DAY, 1), moved("2024-01-31T23:00:00", HOUR, 2)
    ('2024-02-29', '2024-02-01T01:00:00')
    """
    moment = datetime.fromisoformat(time)
    for (least, most), months in ((MONTH, 1), (YEAR, 12)):
        if least <= step <= most:
            moment = _months_later(moment, months * steps)
            break
    else:
        moment += timedelta(seconds=step * steps)
    return moment.date().isoformat() if len(time) == len("2024-01-31") else moment.isoformat()


def windows(moments: Sequence[Moment], step: float, cut: Cut) -> Iterator[SeriesWindow]:
    """Every window of a series whose history is known and whose coming values are all known and in one split."""
    slots = _slots(moments, step)
    filled = list(_bridged(slots))
    unread = [0, *accumulate(value is None for value in filled)]
    apart = [0, *accumulate(_is_break(before, slot) for before, slot in zip([None, *slots], slots, strict=False))]
    for now in range(cut.history, len(slots) - cut.horizon + 1):
        first, last, end = slots[now - 1], slots[now], now + cut.horizon
        if first is None or last is None or unread[now] != unread[now - cut.history] or apart[end] != apart[now + 1]:
            continue
        if last.side == "train" and now % cut.stride:
            continue
        history = [value for value in filled[now - cut.history : now] if value is not None]
        coming = [slot.value for slot in slots[now:end] if slot is not None and slot.value is not None]
        yield SeriesWindow(first.time, history, coming, last.side)


def levels_and_scales(histories: Array) -> tuple[Array, Array]:
    """The last value of each history (N, 1), and how lively it was (N, 1): what its changes are measured by.

    The scale is the geometric mean of the mean step and the standard deviation; 1 where nothing moved.
    """
    if histories.shape[1] < 2:
        return histories[:, -1:], np.ones((len(histories), 1))
    step = np.abs(np.diff(histories, axis=1)).mean(axis=1)
    scale = np.sqrt(step * histories.std(axis=1))
    smallest = 1e-9 * np.maximum(1.0, np.abs(histories).max(axis=1)) if len(histories) else scale
    return histories[:, -1:], np.where(scale > smallest, scale, 1.0)[:, None]


def seasonal_naive(histories: Array, horizon: int, season: int) -> Array:
    """The forecast that the last season repeats itself (N, H); the last value where the history is shorter."""
    length = season if season <= histories.shape[1] else 1
    places = histories.shape[1] - length + np.arange(horizon) % length
    return histories[:, places]


def _slots(moments: Sequence[Moment], step: float) -> list[Moment | None]:
    """One moment a step in the order of time, ``None`` where there is none or it holds no value."""
    said: Mapping[datetime, Moment] = {datetime.fromisoformat(moment.time): moment for moment in moments}
    slots: list[Moment | None] = []
    before: datetime | None = None
    for at in sorted(said):
        gap = 1 if before is None or step <= 0 else max(1, round((at - before).total_seconds() / step))
        if gap > 1:
            slots += [None] * min(gap - 1, BRIDGED + 1)  # a longer gap breaks every window just the same
        slots.append(said[at] if said[at].value is not None else None)
        before = at
    return slots


def _bridged(slots: Sequence[Moment | None]) -> Iterator[float | None]:
    held, missing = None, 0
    for slot in slots:
        held, missing = (held, missing + 1) if slot is None else (slot.value, 0)
        yield held if missing <= BRIDGED else None


def _is_break(before: Moment | None, slot: Moment | None) -> bool:
    """Whether a stretch of targets may not go on from one slot to the next."""
    return slot is None or before is None or before.side != slot.side


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def as_array(rows: Sequence[Any], width: int) -> Array:
    """Lists of numbers as an array (N, width)."""
    return np.asarray(rows, dtype=np.float64).reshape(len(rows), width)
