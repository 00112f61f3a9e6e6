"""How well scores rank the rows of each class above the others: ROC AUC and average precision, ready for resampling.

Both depend on the order of rows, which no resample changes: rows are sorted once a class, and every resample is a
running sum of its weights in that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

WEIGHTS_AT_ONCE = 128
WORK = 120_000_000


@dataclass(frozen=True)
class Order:
    """One class's rows, best score first, and where each of its P positives stands.

    ``starts`` and ``ends``: the stretch of equal scores a positive lies in; ``before`` and ``until``: how many
    positives stand ahead of that stretch, and by its end.
    """

    rows: ndarray
    positives: ndarray
    starts: ndarray
    ends: ndarray
    before: ndarray
    until: ndarray


class Ranking:
    """Stands where a tally has sums: ``weights (B, N) @ ranking`` gives (B, 2C), C areas and C average precisions.

    Only classes that have both positive and negative rows are ranked: their numbers are ``classes``. Many rows times
    many classes are resampled less often (1,000 times up to 120 million weighted ranks, never fewer than 200).
    ``truth``: class numbers (N,), or (N, C) of 0 and 1 where several classes may hold.
    """

    __array_ufunc__ = None

    def __init__(self, truth: ndarray, scores: ndarray, classes: Any) -> None:
        held = truth > 0 if truth.ndim == 2 else truth[:, None] == np.arange(scores.shape[1])
        present = held.sum(axis=0)
        self.classes = [int(c) for c in classes if 0 < present[c] < len(truth)]
        self.orders = [_order(held[:, c], scores[:, c]) for c in self.classes]
        self.shape = (len(truth), 2 * len(self.classes))
        self.resamples = int(np.clip(WORK // max(1, len(truth) * len(self.classes)), 200, 1000))

    def __rmatmul__(self, weights: ndarray) -> ndarray:
        parts = [self._measure(weights[i : i + WEIGHTS_AT_ONCE]) for i in range(0, len(weights), WEIGHTS_AT_ONCE)]
        return np.concatenate(parts)

    def _measure(self, weights: ndarray) -> ndarray:
        drawn = np.ascontiguousarray(weights.T, dtype=np.float32)
        running = np.zeros((drawn.shape[0] + 1, drawn.shape[1]), dtype=np.float32)
        measured = np.array([_area_and_precision(order, drawn, running) for order in self.orders])
        return measured.reshape(len(self.orders), 2, drawn.shape[1]).transpose(2, 1, 0).reshape(drawn.shape[1], -1)


def ranks(values: ndarray) -> tuple[ndarray, ndarray]:
    """Where each value stands among those of its row (..., N), the least first, from 1: the first and the last place.

    >>> ranks(np.array([30, 10, 30]))
    (array([2, 1, 2]), array([3, 1, 3]))
    """
    order = np.argsort(values, axis=-1, kind="stable")
    rising, places = np.take_along_axis(values, order, axis=-1), np.arange(values.shape[-1])
    rises = rising[..., 1:] != rising[..., :-1]
    ends = np.ones((*values.shape[:-1], 1), bool)
    first = np.maximum.accumulate(np.where(np.concatenate([ends, rises], axis=-1), places, 0), axis=-1)
    closing = np.where(np.concatenate([rises, ends], axis=-1), places, len(places))
    last = np.minimum.accumulate(closing[..., ::-1], axis=-1)[..., ::-1]
    back = np.argsort(order, axis=-1, kind="stable")
    return np.take_along_axis(first, back, axis=-1) + 1, np.take_along_axis(last, back, axis=-1) + 1


def areas(totals: ndarray) -> ndarray:
    """The ROC AUC averaged over the ranked classes (B,)."""
    return mean_of_defined(totals[:, : totals.shape[1] // 2])


def average_precisions(totals: ndarray) -> ndarray:
    """The average precision averaged over the ranked classes (B,)."""
    return mean_of_defined(totals[:, totals.shape[1] // 2 :])


def mean_of_defined(values: ndarray) -> ndarray:
    """Row means over the values that are defined (not NaN); NaN where none is."""
    defined = ~np.isnan(values)
    counts = defined.sum(axis=1)
    sums = np.where(defined, values, 0).sum(axis=1)
    return np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)


def _order(positive: ndarray, scores: ndarray) -> Order:
    rows = np.argsort(-scores, kind="stable")
    descending = -scores[rows]
    positives = np.flatnonzero(positive[rows])
    starts = np.searchsorted(descending, descending[positives], side="left")
    ends = np.searchsorted(descending, descending[positives], side="right")
    before, until = np.searchsorted(positives, starts), np.searchsorted(positives, ends)
    return Order(rows.astype(np.int32), positives, starts, ends, before, until)


def _area_and_precision(order: Order, drawn: ndarray, running: ndarray) -> tuple[ndarray, ndarray]:
    """ROC AUC with ties counted half, and average precision, of every resample (B,); ``running`` is work space."""
    sorted_weights = drawn[order.rows]
    np.cumsum(sorted_weights, axis=0, out=running[1:])
    own = sorted_weights[order.positives].astype(np.float64)
    found = np.concatenate([np.zeros((1, own.shape[1])), np.cumsum(own, axis=0)])
    positive, negative = found[-1], running[-1] - found[-1]
    ahead, level = running[order.starts] - found[order.before], running[order.ends] - found[order.until]
    wins = np.einsum("pb,pb->b", own, negative - (ahead + level) / 2)
    precision = found[order.until] / np.maximum(running[order.ends], 1)
    hits = np.einsum("pb,pb->b", own, precision)
    return _ratio(wins, positive * negative), _ratio(hits, positive)


def _ratio(above: ndarray, below: ndarray) -> ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
