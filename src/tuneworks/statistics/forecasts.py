"""The evaluation of forecasts: several coming values, each with its quantiles, from windows that overlap.

Neighbouring windows share most of their values, so windows are no independent rows. What is resampled for intervals is
a block of neighbouring windows: at least a week and twice the horizon long, shorter only where fewer than ``BLOCKS``
such blocks would be left (disjoint blocks: Carlstein 1986). A tally's rows are blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import ForecastAnswer
from tuneworks.core.evaluation import Chart, Evaluation, Line, Mistake, Table, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import Score
from tuneworks.statistics.intervals import intervals
from tuneworks.statistics.shapes.quantiles import middle
from tuneworks.statistics.time_series import DAY, seasonal_naive

Array = NDArray[np.float64]

METRICS = {
    "mae": Text("mean absolute error", "平均绝对误差"),
    "pinball": Text("pinball loss", "分位数损失"),
    "rmse": Text("root mean square error", "均方根误差"),
    "mase": Text("error relative to the seasonal naive forecast", "相对季节性朴素预测的误差"),
}
FURTHER = {
    "coverage": Text("share of values inside the band", "落在区间内的比例"),
    "band_width": Text("mean width of the band", "区间平均宽度"),
}
LESS_IS_BETTER = (*METRICS, "band_width")
BLOCKS = 8
WORST_MISTAKES = 20
SHOWN_VALUES = 6
EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Forecasts:
    """N forecasts beside what came: ``values`` (N, H, Q) at the levels, ``truth`` (N, H), ``histories`` (N, L).

    ``times``: when each history ended. ``step``: seconds between values. ``season``: steps after which they repeat.
    """

    values: Array
    truth: Array
    histories: Array
    times: Sequence[str]
    levels: Sequence[float]
    step: float
    season: int

    @property
    def horizon(self) -> int:
        return self.truth.shape[1]

    @property
    def median(self) -> Array:
        made: Array = self.values[:, :, middle(self.levels)]
        return made

    @property
    def naive(self) -> Array:
        return seasonal_naive(self.histories, self.horizon, self.season)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether each value lies between the lowest and the highest level (N, H)."""
        made: NDArray[np.bool_] = (self.truth >= self.values[:, :, 0]) & (self.truth <= self.values[:, :, -1])
        return made

    @property
    def pinball(self) -> Array:
        """The loss of each quantile at each step, averaged over levels (N, H) (Koenker and Bassett 1978)."""
        above = self.truth[:, :, None] - self.values
        levels = np.asarray(self.levels)
        made: Array = np.maximum(levels * above, (levels - 1) * above).mean(axis=2)
        return made


def forecast_tallies(made: Forecasts) -> dict[str, Tally]:
    """``METRICS`` as sums over blocks of windows; the relative error only where the naive forecast has any."""
    off = made.truth - made.median
    each = {"mae": np.abs(off), "pinball": made.pinball, "rmse": off**2, "naive": np.abs(made.truth - made.naive)}
    sums = in_blocks(made, np.column_stack([*(value.mean(axis=1) for value in each.values()), np.ones(len(off))]))
    finishers: dict[str, Callable[[Any], Any]] = {
        "mae": lambda totals: totals[:, 0] / totals[:, 4],
        "pinball": lambda totals: totals[:, 1] / totals[:, 4],
        "rmse": lambda totals: np.sqrt(totals[:, 2] / totals[:, 4]),
        "mase": _relative,
    }
    names = finishers if sums[:, 3].sum() > 0 else finishers.keys() - {"mase"}
    return {name: Tally(sums, finishers[name], less_is_better=True, rows=len(off)) for name in METRICS if name in names}


def evaluate_forecasts(made: Forecasts, metric: str, *, inputs: Sequence[str]) -> Evaluation:
    """Scores with intervals, errors by step, a forecast drawn with its band, and the worst windows, one a block.

    ``inputs``: the columns of the history and of the time.
    """
    tallies = forecast_tallies(made)
    scores: dict[str, Score] = intervals(tallies | _band_tallies(made))
    return Evaluation(
        metric=metric,
        rows=len(made.truth),
        scores=scores,
        tables=(_by_step(made),),
        charts=(_fan(made), _errors_by_step(made)),
        mistakes=_mistakes(made, inputs),
        less_is_better=LESS_IS_BETTER,
    )


def in_blocks(made: Forecasts, sums: Array) -> Array:
    """Sums a window (N, K) added up over blocks of neighbouring windows (B, K), in the order of time."""
    _, block = np.unique(blocks_of(made), return_inverse=True)
    totals = np.zeros((int(block.max()) + 1 if len(block) else 0, sums.shape[1]))
    np.add.at(totals, block, sums)
    return totals


def blocks_of(made: Forecasts) -> NDArray[np.int64]:
    """The block each window belongs to (N,), numbered in the order of time."""
    seconds = np.array([(datetime.fromisoformat(time) - EPOCH).total_seconds() for time in made.times])
    steps = (seconds - seconds.min()) / (made.step or 1.0) if len(seconds) else seconds
    span = int(steps.max()) + 1 if len(steps) else 1
    wanted = max(2 * made.horizon, round(7 * DAY / made.step) if made.step else 0)
    length = min(wanted, max(made.horizon, span // BLOCKS))
    numbered: NDArray[np.int64] = (steps // length).astype(np.int64)
    return numbered


def _relative(totals: Any) -> Any:
    naive = totals[:, 3]
    return np.divide(totals[:, 0], naive, out=np.full(len(naive), np.nan), where=naive > 0)


def _band_tallies(made: Forecasts) -> dict[str, Tally]:
    """Not measures to choose by: a band may be wide or narrow at will, and has to be as wide as it says."""
    width = (made.values[:, :, -1] - made.values[:, :, 0]).mean(axis=1)
    sums = in_blocks(made, np.column_stack([made.inside.mean(axis=1), width, np.ones(len(width))]))
    return {
        "coverage": Tally(sums, lambda totals: totals[:, 0] / totals[:, 2]),
        "band_width": Tally(sums, lambda totals: totals[:, 1] / totals[:, 2], less_is_better=True),
    }


def _by_step(made: Forecasts) -> Table:
    nominal = f"{made.levels[-1] - made.levels[0]:.0%}"
    off, naive = made.truth - made.median, np.abs(made.truth - made.naive)
    columns = (np.abs(off).mean(axis=0), np.sqrt((off**2).mean(axis=0)), made.pinball.mean(axis=0))
    cells = np.column_stack([*columns, made.inside.mean(axis=0), naive.mean(axis=0)]).tolist()
    return Table(
        "by_step",
        Text("Errors by step", "各步误差"),
        (
            Text("step", "步"),
            METRICS["mae"],
            METRICS["rmse"],
            METRICS["pinball"],
            Text(f"inside the {nominal} band", f"落在 {nominal} 区间内"),
            Text("seasonal naive, absolute error", "季节性朴素预测的绝对误差"),
        ),
        tuple((step, *row) for step, row in enumerate(cells, start=1)),
    )


def _fan(made: Forecasts) -> Chart:
    """The window of middling error: its history, its forecast with the band, and what came."""
    errors = np.abs(made.truth - made.median).mean(axis=1)
    window = int(np.argsort(errors, kind="stable")[len(errors) // 2])
    shown = min(made.histories.shape[1], 2 * made.horizon)
    before, coming = tuple(float(x) for x in range(1 - shown, 1)), tuple(float(x + 1) for x in range(made.horizon))
    band = [
        Line(Text(f"{level:.0%} level", f"{level:.0%} 分位"), coming, tuple(made.values[window, :, place].tolist()))
        for place, level in enumerate(made.levels)
    ]
    return Chart(
        "forecast",
        Text(f"A typical forecast, from {made.times[window]}", f"典型预测（起点 {made.times[window]}）"),
        Text("steps from now", "距现在的步数"),
        Text("value", "值"),
        (
            Line(Text("history", "历史"), before, tuple(made.histories[window, -shown:].tolist())),
            *band,
            Line(Text("what came", "实际值"), coming, tuple(made.truth[window].tolist()), dots=True),
        ),
        measured=True,
    )


def _errors_by_step(made: Forecasts) -> Chart:
    steps = tuple(float(step) for step in range(1, made.horizon + 1))
    lines = (
        (Text("this model", "本模型"), np.abs(made.truth - made.median)),
        (Text("seasonal naive", "季节性朴素预测"), np.abs(made.truth - made.naive)),
        (Text("last value", "上一个值"), np.abs(made.truth - made.histories[:, -1:])),
    )
    return Chart(
        "error_by_step",
        Text("Mean absolute error by step", "各步平均绝对误差"),
        Text("step", "步"),
        METRICS["mae"],
        tuple(Line(name, steps, tuple(errors.mean(axis=0).tolist())) for name, errors in lines),
        measured=True,
    )


def _mistakes(made: Forecasts, inputs: Sequence[str]) -> tuple[Mistake, ...]:
    """The worst window of each block, worst first."""
    errors, blocks = np.abs(made.truth - made.median).mean(axis=1), blocks_of(made)
    worst = np.lexsort((-errors, blocks))
    firsts = worst[np.unique(blocks[worst], return_index=True)[1]] if len(worst) else worst
    order = firsts[np.argsort(-errors[firsts], kind="stable")]
    return tuple(_mistake(made, int(i), float(errors[i]), inputs) for i in order[:WORST_MISTAKES] if errors[i] > 0)


def _mistake(made: Forecasts, window: int, error: float, inputs: Sequence[str]) -> Mistake:
    history, time = inputs
    last = ", ".join(f"{value:.4g}" for value in made.histories[window, -SHOWN_VALUES:].tolist())
    shown: Mapping[str, Any] = {time: made.times[window], history: f"... {last}"}
    answer = ForecastAnswer(tuple(made.levels), tuple(map(tuple, made.values[window].round(4).tolist())))
    return Mistake(shown, made.truth[window].round(4).tolist(), answer, error=error)
