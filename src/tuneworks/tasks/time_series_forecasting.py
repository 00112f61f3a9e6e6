"""The coming values of a series, with how sure they are: loads, sales, temperatures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, ForecastAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics.forecasts import METRICS, Forecasts, evaluate_forecasts, forecast_tallies
from tuneworks.statistics.roles import check_inputs, named, only
from tuneworks.statistics.series_checks import history_of, moment_of, must_be_itself, must_be_one_series, no_window
from tuneworks.statistics.splits import parse
from tuneworks.statistics.time_series import (
    Cut,
    Moment,
    as_array,
    levels_and_scales,
    moved,
    season_of,
    step_of,
    windows,
)

LONGEST_HORIZON, SEASONS = 24, 7
MOST_WINDOWS = 20_000
ROWS_A_STEP, ROWS_A_VALUE = 30, 6


@dataclass(frozen=True)
class Options:
    """What is forecast, ``None``: derived from the data.

    ``horizon``: how many coming values. ``history``: from how many past ones. ``quantiles``: the levels of each, 0.5
    among them. ``step``: seconds between values. ``season``: after how many steps they repeat. ``stride``: of training
    windows only every so manieth is used.
    """

    horizon: int | None = None
    history: int | None = None
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    step: float | None = None
    season: int | None = None
    stride: int | None = None

    def __post_init__(self) -> None:
        least = {"horizon": 1, "history": 2, "season": 1, "stride": 1}
        ranges = {name: Range(least=bound) for name, bound in least.items()}
        levels = Range(above=0, below=1)
        check_values(self, {**ranges, "step": Range(above=0), "quantiles": levels}, "spec.options.")
        if 0.5 not in self.quantiles or list(self.quantiles) != sorted(set(self.quantiles)):
            shown = list(self.quantiles)
            raise InvalidConfig(
                Text(
                    f"spec.options.quantiles must rise and hold 0.5, the median; received {shown}.",
                    f"spec.options.quantiles 应递增且包含 0.5（中位数），实际为 {shown}。",
                ),
                Text("For example: [0.1, 0.5, 0.9]", "例如：[0.1, 0.5, 0.9]"),
            )


class TimeSeriesForecasting(Task):
    """Reads the last values of a series and the time of the last one, answers with the next ones and their quantiles.

    Scores are changes against the last value in units of how lively the history was, so that a shift of the level
    teaches nothing wrong and a band widens in restless times.
    """

    Options = Options
    roles = MappingProxyType({"history": ("series", "number"), "time": ("time",)})
    target_kinds = ("number",)
    default_base = "series"
    inferred = False

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        inputs = spec.inputs or {}
        target = spec.target or inputs.get("history") or only(columns, self.target_kinds, role="target")
        named(columns, target, self.target_kinds, role="target")
        inputs = inputs or {"history": target, "time": only(columns, ("time",), role="time")}
        check_inputs(columns, inputs, self.roles)
        must_be_itself(inputs["history"], target)
        metric = spec.metric or "mae"
        if metric not in METRICS:
            raise InvalidConfig(
                Text(f"There is no metric named {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
                Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
            )
        split = spec.split or f"time({inputs['time']})"
        options = _completed(Options(**spec.options), [row.get(inputs["time"]) for row in rows])
        return replace(spec, target=target, inputs=inputs, metric=metric, split=split, options=asdict(options))

    def arrange(self, spec: TaskSpec, rows: Sequence[Row], splits: Sequence[str]) -> Iterator[tuple[Row, str]]:
        options, target, time = _options(spec), spec.target or "", spec.inputs["time"]
        moments = _moments(rows, splits, target, time, _split_column(spec))
        must_be_one_series(moments, time)
        cut = Cut(options.history or 0, options.horizon or 0, options.stride or 1)
        made = 0
        for window in windows(moments, options.step or 0.0, cut):
            made += 1
            yield {target: window.history, time: window.time, coming(spec): window.coming}, window.side
        if not made:
            raise no_window(cut, len(moments))

    def truth(self, spec: TaskSpec, row: Row) -> Any:
        return row.get(coming(spec))

    def learnt(self, spec: TaskSpec, row: Row, truth: Any) -> list[Row]:
        target, time, step = spec.target or "", spec.inputs["time"], _options(spec).step or 0.0
        other = {name: value for name, value in row.items() if name not in (target, time)}
        return [
            {**other, time: moved(str(row[time]), step, number), target: value}
            for number, value in enumerate(truth, start=1)
        ]

    def output(self, spec: TaskSpec) -> Output:
        options = _options(spec)
        return Output("quantiles", options.horizon or 0, options.quantiles)

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        history, time = spec.inputs["history"], spec.inputs["time"]
        length = _options(spec).history or 0
        histories = [history_of(row.get(history), length, history, number) for number, row in enumerate(rows, start=1)]
        times = [moment_of(row.get(time), time, number) for number, row in enumerate(rows, start=1)]
        bare = Examples({"history": histories, "time": times}, rows)
        if not rows or not all(coming(spec) in row for row in rows):
            return bare
        truth = as_array([row[coming(spec)] for row in rows], _options(spec).horizon or 0)
        level, scale = levels_and_scales(as_array(histories, length))
        return replace(bare, targets=(truth - level) / scale)

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        levels = _options(spec).quantiles
        return [
            ForecastAnswer(levels, tuple(map(tuple, forecast))) for forecast in _values(spec, scores, examples).tolist()
        ]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return forecast_tallies(_forecasts(spec, scores, examples))

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        columns = (spec.inputs["history"], spec.inputs["time"])
        return evaluate_forecasts(_forecasts(spec, scores, examples), spec.metric or "mae", inputs=columns)

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        """A week's rhythm on a wandering level, day by day."""
        random = np.random.default_rng(seed)
        rhythm = np.array([0.0, 1.0, 2.0, 3.0, 2.0, -3.0, -5.0])[np.arange(rows) % 7]
        sold = 50 + rhythm * 3 + random.normal(0, 0.3, rows).cumsum() + random.normal(0, 0.5, rows)
        made: list[Row] = [
            {"day": moved("2024-01-01", 86_400.0, number), "sold": round(float(value), 3)}
            for number, value in enumerate(sold)
        ]
        return (Column("day", "time"), Column("sold", "number")), made


def coming(spec: TaskSpec) -> str:
    """The name in an example's row for the values to be forecast; the target's own name holds the history."""
    return f"next {spec.target}"


def _options(spec: TaskSpec) -> Options:
    given = dict(spec.options)
    return Options(**{**given, "quantiles": tuple(given.get("quantiles", Options.quantiles))})


def _completed(options: Options, times: Sequence[Any]) -> Options:
    """What is open, from the times: short series have a shorter history and horizon."""
    written = [str(time) for time in times if time]
    step = options.step or step_of(written) or None
    season = options.season or season_of(step or 0.0)
    horizon = options.horizon or min(LONGEST_HORIZON, max(1, len(written) // ROWS_A_STEP))
    history = options.history or max(2, min(max(SEASONS * season, 2 * horizon), len(written) // ROWS_A_VALUE))
    stride = options.stride or max(1, math.ceil(len(written) / MOST_WINDOWS))
    return Options(horizon, history, tuple(options.quantiles), step, season, stride)


def _moments(
    rows: Sequence[Row], splits: Sequence[str], target: str, time: str, split_column: str | None
) -> list[Moment]:
    """The rows in the order of time; one whose split column says nothing goes with the row before it."""
    timed = sorted(
        ((row, side) for row, side in zip(rows, splits, strict=True) if row.get(time)), key=lambda pair: pair[0][time]
    )
    made: list[Moment] = []
    for row, side in timed:
        inherits = split_column is not None and row.get(split_column) is None and made
        made.append(Moment(str(row[time]), row.get(target), made[-1].side if inherits else side))
    return made


def _split_column(spec: TaskSpec) -> str | None:
    kind, column = parse(spec.split or "content")
    return column if kind == "column" else None


def _values(spec: TaskSpec, scores: Any, examples: Examples) -> Any:
    """Forecasts in the target's own unit (N, H, Q), their quantiles in order."""
    level, scale = levels_and_scales(_histories(spec, examples))
    return np.sort(level[:, :, None] + scale[:, :, None] * np.asarray(scores, dtype=np.float64), axis=2)


def _histories(spec: TaskSpec, examples: Examples) -> Any:
    return as_array(examples.inputs["history"], _options(spec).history or 0)


def _forecasts(spec: TaskSpec, scores: Any, examples: Examples) -> Forecasts:
    options, histories = _options(spec), _histories(spec, examples)
    level, scale = levels_and_scales(histories)
    truth = level + scale * np.asarray(examples.targets)
    return Forecasts(
        _values(spec, scores, examples),
        truth,
        histories,
        examples.inputs["time"],
        options.quantiles,
        options.step or 0.0,
        options.season or 1,
    )
