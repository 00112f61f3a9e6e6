"""The recent past of a series as features: its last values relative to the very last, and where the calendar stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.files import sha256_of_bytes
from tuneworks.core.text import Text
from tuneworks.statistics.features import Floats
from tuneworks.statistics.time_series import DAY, Array, as_array, levels_and_scales

FILE = "series.json"
KINDS = ("series", "time")
MONTHLY = 20 * DAY
HARMONICS = {"day": 12, "week": 3, "year": 6}


class Series(Base):
    """A history (a list of numbers, oldest first) and the time of its last value, read together."""

    runtime = "arrays"
    joint = True

    def accepts(self, address: str, column_kind: str) -> bool:
        return address == "series" and column_kind in KINDS

    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        history, times = _columns(values)
        length = max((len(row[history]) for row in values), default=0)
        cycle = _cycle([str(row[column]) for row in values for column in times])
        learnt = {"history": history, "times": times, "length": length, "cycle": cycle}
        return {FILE: json.dumps(learnt, ensure_ascii=False).encode()}

    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        return LoadedSeries(files[FILE].read_bytes())


class LoadedSeries(LoadedBase):
    """Histories of one length, and the cycle of the calendar that their step follows."""

    joint = True

    def __init__(self, state: bytes) -> None:
        self.fingerprint = f"series-{sha256_of_bytes(state)[:16]}"
        learnt = json.loads(state)
        self._history, self._times = learnt["history"], learnt["times"]
        self._length, self._cycle = learnt["length"], learnt["cycle"]

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Floats:
        histories = as_array([row[self._history][-self._length :] for row in values], self._length)
        level, scale = levels_and_scales(histories)
        blocks = [(histories[:, :-1] - level) / scale, *self._calendar(values)]
        advance(listener, Text("features of the series", "序列特征"), len(values), len(values))
        return np.concatenate(blocks, axis=1).astype(np.float32)

    def _calendar(self, values: Sequence[Any]) -> Iterator[Array]:
        """Sines and cosines of the place in the day, week or year (N, 2 a harmonic)."""
        if self._cycle is None:
            return
        waves = np.arange(1, HARMONICS[self._cycle] + 1) * 2 * np.pi
        for column in self._times:
            places = np.array([_place(datetime.fromisoformat(str(row[column])), self._cycle) for row in values])
            angles = places.reshape(len(values), 1) * waves
            yield np.sin(angles)
            yield np.cos(angles)


def _columns(rows: Sequence[Any]) -> tuple[str, list[str]]:
    """The column that holds lists of numbers, and those that hold times."""
    first = rows[0] if rows else {}
    lists = [column for column, value in first.items() if isinstance(value, (list, tuple))]
    return lists[0] if lists else "", [column for column in first if column not in lists]


def _cycle(times: Sequence[str]) -> str | None:
    """The cycle of the calendar that is longer than the step: a day, a week, a year; none where time stands still."""
    moments = sorted({datetime.fromisoformat(time) for time in times})
    if len(moments) < 2:
        return None
    step = min((after - before).total_seconds() for before, after in pairwise(moments))
    return "day" if step < DAY else "week" if step < MONTHLY else "year"


def _place(moment: datetime, cycle: str) -> float:
    """Where a moment lies in the cycle, 0 to 1."""
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    if cycle == "day":
        return seconds / DAY
    days = moment.weekday() + seconds / DAY
    return days / 7 if cycle == "week" else (moment.timetuple().tm_yday - 1) / 366
