"""Columns of a table as numbers: what is learnt of each column from training rows, and the features that come of it.

A number is standardised, after a signed logarithm where its tail is long; a category counts each label seen often
enough (and is also the number its labels write); a time becomes calendar features; a history, a list of numbers, is
summarised over its whole and over its last third. What is missing lies at the mean, with a column that says so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

from tuneworks.statistics import values as value_of
from tuneworks.statistics.features import Floats

FEWEST_OF_A_LABEL = 3
MOST_LABELS = 255
LONG_TAIL = 2.0
EPOCH = datetime(2000, 1, 1)
SECONDS_A_DAY = 86400.0
ROUNDING = 1e-9
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnState:
    """What is known of a column: ``kept`` features of its kind, each with its ``centre`` and ``scale``.

    ``labels``: those of a category with a feature each. ``unit``: where a signed logarithm is taken, what counts as
    one; 0 where none is. ``missing``: whether a feature says that there is no value.
    """

    name: str
    kind: str
    labels: tuple[str, ...] = ()
    kept: tuple[int, ...] = ()
    unit: tuple[float, ...] = ()
    centre: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    missing: bool = False


def learn(name: str, values: Sequence[Any]) -> ColumnState:
    """What the training values of a column say."""
    kind = kind_of(values)
    labels = _labels(values) if kind == "category" else ()
    made = EXPANDED[kind](values, labels)
    absent = _absent(made)
    kept = [i for i in range(made.shape[1]) if _differs(made[:, i])]
    units = [_unit(made[:, i]) if kind in ("number", "history") else 0.0 for i in kept]
    columns = [_logarithm(made[:, i], unit) for i, unit in zip(kept, units, strict=True)]
    counts = kind == "category"
    centre = tuple(0.0 if counts and i < len(labels) + 1 else _mean(c) for i, c in zip(kept, columns, strict=True))
    scale = tuple(1.0 if counts and i < len(labels) + 1 else _deviation(c) for i, c in zip(kept, columns, strict=True))
    missing = bool(absent.any() and not absent.all())
    return ColumnState(name, kind, labels, tuple(kept), tuple(units), centre, scale, missing)


def features(state: ColumnState, values: Sequence[Any]) -> Floats:
    """The column's features (N, D)."""
    made = EXPANDED[state.kind](values, state.labels)
    parts = [
        np.nan_to_num((_logarithm(made[:, i], unit) - centre) / scale)
        for i, unit, centre, scale in zip(state.kept, state.unit, state.centre, state.scale, strict=True)
    ]
    if state.missing:
        parts.append(_absent(made).astype(np.float64))
    stacked = np.column_stack(parts) if parts else np.zeros((len(values), 0))
    return stacked.astype(np.float32)


def kind_of(values: Sequence[Any]) -> str:
    """What the values of a column are: number, history, time or category."""
    present = [value for value in values if not value_of.is_missing(value)]
    if any(isinstance(value, (list, tuple)) for value in present):
        return "history"
    if present and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in present):
        return "number"
    return "time" if present and all(value_of.time(value) for value in present) else "category"


def _numbers(values: Sequence[Any], labels: Sequence[str]) -> Numbers:
    return np.array([[_number(value)] for value in values], dtype=np.float64).reshape(len(values), 1)


def _number(value: Any) -> float:
    """A number; of a history the last one; not a number where there is none."""
    if isinstance(value, (list, tuple)):
        value = next((one for one in reversed(value) if one is not None), None)
    found = value_of.number(value)
    return math.nan if found is None else float(found)


def _histories(values: Sequence[Any], labels: Sequence[str]) -> Numbers:
    """Last, mean, deviation, slope, smallest and largest of each history, and all but the first of its last third."""
    histories = [_history(value) for value in values]
    lengths = np.array([len(history) for history in histories], dtype=np.int64)
    made = np.full((len(values), 11), np.nan)
    for length in np.unique(lengths[lengths > 0]).tolist():
        alike = np.flatnonzero(lengths == length)
        block = np.array([histories[i] for i in alike.tolist()], dtype=np.float64)
        recent = block[:, -math.ceil(length / 3) :]
        made[alike] = np.concatenate([_summary(block), _summary(recent)[:, 1:]], axis=1)
    return made


def _history(value: Any) -> list[float]:
    if isinstance(value, (list, tuple)):
        return [one for one in value if one is not None]
    number = _number(value)
    return [] if math.isnan(number) else [number]


def _summary(block: Numbers) -> Numbers:
    steps = np.arange(block.shape[1]) - (block.shape[1] - 1) / 2
    slope = block @ steps / (float(steps @ steps) or 1.0)
    return np.column_stack(
        [block[:, -1], block.mean(axis=1), block.std(axis=1), slope, block.min(axis=1), block.max(axis=1)]
    )


def _times(values: Sequence[Any], labels: Sequence[str]) -> Numbers:
    """Days since 2000, day of the month, season and hour as points on a circle, and each weekday (N, 13)."""
    made = np.full((len(values), 13), np.nan)
    for row, value in enumerate(values):
        written = value_of.time(value)
        if written is not None:
            made[row] = _calendar(datetime.fromisoformat(written))
    return made


def _calendar(moment: datetime) -> list[float]:
    days = (moment - EPOCH).total_seconds() / SECONDS_A_DAY
    season, hour = 2 * math.pi * moment.timetuple().tm_yday / 365.25, 2 * math.pi * (days % 1)
    circles = [math.sin(season), math.cos(season), math.sin(hour), math.cos(hour)]
    return [days, float(moment.day), *circles, *(float(moment.weekday() == day) for day in range(7))]


def _categories(values: Sequence[Any], labels: Sequence[str]) -> Numbers:
    """A column for each label, one for all others, and the number that a label writes (N, V + 2)."""
    place = {label: i for i, label in enumerate(labels)}
    made = np.zeros((len(values), len(labels) + 2))
    for row, value in enumerate(values):
        if value_of.is_missing(value):
            made[row, -1] = np.nan
            continue
        label = value_of.label(value)
        made[row, place.get(label, len(labels))] = 1.0
        found = value_of.number(label)
        made[row, -1] = np.nan if found is None else found
    return made


EXPANDED: Mapping[str, Callable[[Sequence[Any], Sequence[str]], Numbers]] = {
    "number": _numbers,
    "history": _histories,
    "time": _times,
    "category": _categories,
}


def _labels(values: Sequence[Any]) -> tuple[str, ...]:
    counts = Counter(value_of.label(value) for value in values if not value_of.is_missing(value))
    often = [label for label, count in counts.most_common(MOST_LABELS) if count >= FEWEST_OF_A_LABEL]
    return tuple(sorted(often))


def _absent(made: Numbers) -> NDArray[np.bool_]:
    """The rows that say nothing: every feature missing, of a category no label at all."""
    return ~(np.nan_to_num(made) != 0).any(axis=1) & np.isnan(made).any(axis=1)


def _differs(column: Numbers) -> bool:
    """Whether the values differ by more than rounding."""
    known = column[~np.isnan(column)]
    return len(known) > 0 and float(np.ptp(known)) > ROUNDING * float(np.abs(known).max())


def _unit(column: Numbers) -> float:
    """The median size of what is not zero, if a logarithm in that unit shortens a long tail; else 0."""
    known = column[~np.isnan(column)]
    sizes = np.abs(known[known != 0])
    unit = float(np.median(sizes)) if len(sizes) else 0.0
    tail = abs(float(skew(known)))
    return unit if tail > LONG_TAIL and abs(float(skew(_logarithm(known, unit)))) < tail else 0.0


def _logarithm(column: Numbers, unit: float) -> Numbers:
    return np.sign(column) * np.log1p(np.abs(column) / unit) if unit > 0 else column


def _mean(column: Numbers) -> float:
    return float(np.nanmean(column))


def _deviation(column: Numbers) -> float:
    return float(np.nanstd(column)) or 1.0
