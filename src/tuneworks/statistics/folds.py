"""Rows held out in turn, so that each is answered once by what was fitted on others.

Rows of one group stay together where the split keeps them together. Where rows follow each other in time a stretch of
it is held out, and windows that hold a value this stretch is answered with are not fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.asking import Row
from tuneworks.core.contracts import Job
from tuneworks.core.types import TaskSpec
from tuneworks.language.normalise import normalise
from tuneworks.statistics.splits import parse
from tuneworks.statistics.tables import SERIES

ENOUGH_VALIDATION = 300
FOLDS = 5


@dataclass(frozen=True)
class Fold:
    """Rows to fit on and rows to choose by."""

    fit_on: NDArray[np.int64]
    choose_on: NDArray[np.int64]


def folds_for(job: Job, *, enough: bool = False) -> list[Fold]:
    """The validation rows as the one held-out part where there are many or ``enough`` of them, else folds of all."""
    train, every = len(job.train), np.arange(len(job.train) + len(job.validation))
    if enough or len(job.validation) >= ENOUGH_VALIDATION:
        return [Fold(every[:train], every[train:])]
    coming = job.output.size if job.output.levels else 1
    return folds_of([*job.train.rows, *job.validation.rows], job.spec, job.recipe.seed, coming=coming)


def folds_of(
    rows: Sequence[Row], spec: TaskSpec, seed: int, *, coming: int = 1, targets: NDArray[Any] | None = None
) -> list[Fold]:
    """Five folds of rows, fewer where there are fewer to be told apart.

    ``coming``: how many values a row is answered with. ``targets``: the classes whose shares every fold keeps.
    """
    tie, column = _tie(rows, spec)
    if tie == "time":
        return _stretches(_ranks([row.get(column) for row in rows]), coming - 1, _history(rows, spec) + coming - 1)
    groups = _ranks([_named(row, column) for row in rows]) if tie == "group" else np.arange(len(rows))
    first = np.unique(groups, return_index=True)[1]
    dealt = _at_random(len(first), seed) if targets is None else fair_shares(targets[first], seed)
    return _apart(dealt[groups])


def random_folds(count: int, seed: int) -> list[Fold]:
    """Five folds of rows of which nothing is known."""
    return _apart(_at_random(count, seed))


def fair_shares(targets: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """The fold of each row (N,): rows of one class are dealt out in turn, rows of many labels at random."""
    order = np.random.default_rng(seed).permutation(len(targets))
    if targets.ndim == 1:
        order = order[np.argsort(targets[order], kind="stable")]
    made = np.empty(len(targets), np.int64)
    made[order] = np.arange(len(targets)) % FOLDS
    return made


def _at_random(count: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(count) % FOLDS


def _apart(fold_of: NDArray[np.int64]) -> list[Fold]:
    return [Fold(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in np.unique(fold_of)]


def _stretches(moments: NDArray[np.int64], before: int, after: int) -> list[Fold]:
    """Stretches of time held out in turn, with so many moments around them not fitted on: at most a fifth of all."""
    count = len(np.unique(moments))
    before, after = min(before, count // FOLDS), min(after, count // FOLDS)
    stretch_of = moments * FOLDS // count
    made = []
    for stretch in np.unique(stretch_of):
        chosen = np.flatnonzero(stretch_of == stretch)
        first, last = moments[chosen].min(), moments[chosen].max()
        made.append(Fold(np.flatnonzero((moments < first - before) | (moments > last + after)), chosen))
    return made


def _tie(rows: Sequence[Row], spec: TaskSpec) -> tuple[str, str]:
    """Whether rows are tied by the ``group`` or the ``time`` of a column, or by nothing: ``content``.

    The split says it; where it does not, or rows no longer hold its column, what windows were made along.
    """
    kind, column = parse(spec.split or "content")
    if kind in ("group", "time") and column and len({str(row.get(column)) for row in rows}) > 1:
        return kind, column
    if SERIES in spec.kinds.values():
        along = {"group": spec.options.get("group"), "time": spec.options.get("order") or spec.inputs.get("time")}
        return next(((tie, str(named)) for tie, named in along.items() if named), ("content", ""))
    return "content", ""


def _named(row: Row, column: str) -> str:
    """A row's group as the split tells groups apart."""
    value = row.get(column)
    return "" if value is None else normalise(str(value))


def _history(rows: Sequence[Row], spec: TaskSpec) -> int:
    """How many values the longest window looks back on; none where rows are no windows."""
    columns = [column for column, kind in spec.kinds.items() if kind == SERIES]
    values = (row.get(column) for row in rows for column in columns)
    return max((len(value) for value in values if isinstance(value, (list, tuple))), default=0)


def _ranks(values: Sequence[Any]) -> NDArray[np.int64]:
    """The place of each value among the different ones in order; a missing one comes first."""
    ordered = sorted(set(values), key=lambda value: (value is not None, value))
    place = {value: number for number, value in enumerate(ordered)}
    return np.array([place[value] for value in values], np.int64)
