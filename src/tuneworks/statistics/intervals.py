"""Bootstrap intervals of any metric, all from the same resamples of the rows.

A resample is a row of weights: how often each of the N rows was drawn (Efron 1979). Metrics that are row-wise sums
(``Tally``) are then one matrix product for all resamples. Intervals are the 2.5 and 97.5 percentiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray
from scipy.special import stdtrit

from tuneworks.core.errors import UnsuitableData
from tuneworks.core.evaluation import Tally
from tuneworks.core.text import Text
from tuneworks.core.types import Score

RESAMPLES = 1000
CELLS_AT_ONCE = 4_000_000


def weights(rows: int, *, resamples: int = RESAMPLES, seed: int = 0) -> ndarray:
    """How often each row is drawn in each resample: multinomial counts (B, N), float32; each sums to N."""
    return np.concatenate(list(_chunks(rows, resamples, seed)))


def value(tally: Tally) -> float:
    """The metric on all rows, each counted once."""
    _rows(tally)
    return float(np.asarray(tally.finish(total(tally.sums)), dtype=np.float64)[0])


def total(sums: Any) -> ndarray:
    """The sums over all rows, each counted once (1, K)."""
    return np.ones((1, sums.shape[0]), dtype=np.float32) @ sums


def resampled_totals(sums: Any, *, resamples: int = RESAMPLES, seed: int = 0) -> ndarray:
    """Resampled sums (B, K); B is fewer where ``sums`` has a ``resamples`` of its own (rankings of many classes)."""
    count = min(resamples, getattr(sums, "resamples", resamples))
    return np.concatenate([chunk @ sums for chunk in _chunks(sums.shape[0], count, seed)])


def interval(tally: Tally, *, resamples: int = RESAMPLES, seed: int = 0) -> Score:
    """The metric on all rows with its 95 % interval."""
    return intervals({"score": tally}, resamples=resamples, seed=seed)["score"]


def intervals(tallies: Mapping[str, Tally], *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Score]:
    """Every metric with its interval; metrics that share their sums are resampled together."""
    resampled = _resampled(tallies, resamples, seed)
    return {name: bounded(value(tally), percentiles(resampled[name]), _rows(tally)) for name, tally in tallies.items()}


def difference(champion: Tally, challenger: Tally, *, resamples: int = RESAMPLES, seed: int = 0) -> Score:
    """Challenger minus champion with its interval, both on the same resamples of the same rows."""
    drawn = differences(champion, challenger, resamples=resamples, seed=seed)
    observed = value(challenger) - value(champion)
    low, high = percentiles(drawn)
    return Score(observed, min(low, observed), max(high, observed))


def probability_better(champion: Tally, challenger: Tally, *, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """The share of resamples in which the challenger scores better; a tie counts half."""
    drawn = differences(champion, challenger, resamples=resamples, seed=seed)
    drawn = -drawn if challenger.less_is_better else drawn
    return float(np.mean(drawn > 0) + np.mean(drawn == 0) / 2)


def differences(champion: Tally, challenger: Tally, *, resamples: int = RESAMPLES, seed: int = 0) -> ndarray:
    """Challenger minus champion in every resample (B,)."""
    if _rows(champion) != _rows(challenger):
        raise UnsuitableData(
            Text(
                f"The champion was scored on {_rows(champion)} rows, the challenger on {_rows(challenger)}.",
                f"冠军模型在 {_rows(champion)} 行上评分，挑战者在 {_rows(challenger)} 行上评分。",
            ),
            Text("Score both on the same rows.", "请在相同的行上对两者评分。"),
        )
    count = min(resamples, *(getattr(tally.sums, "resamples", resamples) for tally in (champion, challenger)))
    drawn = _resampled({"champion": champion, "challenger": challenger}, count, seed)
    return drawn["challenger"] - drawn["champion"]


def percentiles(resampled: ndarray) -> tuple[float, float]:
    """The 2.5 and 97.5 percentiles of resampled values; resamples in which the metric is undefined do not count."""
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def mean_interval(values: Sequence[float]) -> Score:
    """The mean of equal measurements with its 95 % interval by Student's t; of a single one no interval is known."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Score(mean, math.nan, math.nan)
    reach = float(stdtrit(len(values) - 1, 0.975) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return Score(mean, mean - reach, mean + reach)


def bounded(observed: float, bounds: tuple[float, float], rows: int) -> Score:
    """The score with an interval that holds it, and is never closed at a perfect 0 or 1.

    Where no row was wrong (or none right) every resample agrees; the exact binomial bound (Clopper and Pearson 1934)
    says how far the truth may still be.
    """
    low, high = min(bounds[0], observed), max(bounds[1], observed)
    if low == high and observed in (0.0, 1.0):
        reach = 1 - 0.025 ** (1 / rows)
        low, high = (1 - reach, 1.0) if observed == 1.0 else (0.0, reach)
    return Score(observed, low, high)


def _resampled(tallies: Mapping[str, Tally], resamples: int, seed: int) -> dict[str, ndarray]:
    shared: dict[int, ndarray] = {}
    values = {}
    for name, tally in tallies.items():
        _rows(tally)
        if id(tally.sums) not in shared:
            shared[id(tally.sums)] = resampled_totals(tally.sums, resamples=resamples, seed=seed)
        values[name] = np.asarray(tally.finish(shared[id(tally.sums)]), dtype=np.float64)
    return values


def _chunks(rows: int, resamples: int, seed: int) -> Iterator[ndarray]:
    generator = np.random.default_rng(seed)
    size = max(1, CELLS_AT_ONCE // rows)
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        drawn = generator.integers(0, rows, (count, rows)) + rows * np.arange(count)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=count * rows)
        yield counts.reshape(count, rows).astype(np.float32)


def _rows(tally: Tally) -> int:
    return must_have_rows(int(tally.sums.shape[0]))


def must_have_rows(rows: int) -> int:
    """The number of rows to score; raises ``UnsuitableData`` where there is none."""
    if rows == 0:
        raise UnsuitableData(
            Text("There are no rows to score.", "没有可评分的行。"),
            Text("Give at least one held-out row with a known answer.", "请至少提供一行已知答案的留出数据。"),
        )
    return rows
