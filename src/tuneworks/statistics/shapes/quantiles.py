"""Coming values with their uncertainty: score arrays (N, H, Q) of changes, targets (N, H).

Targets and scores are changes against the last known value, in units of how lively the history was
(``statistics.time_series.levels_and_scales``); answers and true values are in the target's own unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, ForecastAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import shown


class Quantiles(Shape):
    """Each coming step is answered with one number a level."""

    link = "identity"
    simplest = Text("last value", "上一个值")
    right_or_wrong = False

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.isfinite(np.asarray(targets)).all(axis=1)

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        """The last value, and by how much training values had usually changed since theirs."""
        changes = np.quantile(train.targets, output.levels, axis=0).T
        return np.tile(changes[None], (len(examples), 1, 1))

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> list[float]:
        wanted = int(spec.options.get("horizon") or 0)
        numbers = value if isinstance(value, Sequence) and not isinstance(value, str) else []
        if not numbers or not all(map(_is_number, numbers)) or (wanted and len(numbers) != wanted):
            raise InvalidInput(
                Text(
                    f"The true value must be a list of {wanted} numbers, the coming ones in order, got {shown(value)}.",
                    f"正确值应为按时间顺序排列的 {wanted} 个数字的列表，实为 {shown(value)}。",
                ),
                Text("Send them once all are known: [12.1, 12.4, ...]", "请在全部已知后发送：[12.1, 12.4, ...]"),
            )
        return [float(number) for number in numbers]

    def error(self, answer: ForecastAnswer, truth: Any) -> float:
        """The mean absolute error of the middle level."""
        place = middle(answer.levels)
        return float(np.mean([abs(step[place] - true) for step, true in zip(answer.values, truth, strict=True)]))

    def explained(self, then: Any, now: Any) -> NDArray[np.float64]:
        """The mean of the middle level over the steps."""
        levels = np.asarray(now, dtype=np.float64)
        made: NDArray[np.float64] = levels[:, :, levels.shape[2] // 2].mean(axis=1)
        return made

    def leaning(self, scores: Any) -> NDArray[np.float64]:
        count, steps = np.shape(scores)[:2]
        return np.full((count, steps), 1 / steps)

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        """The mean of the median over the steps, its rise from first to last, and the mean width of the band."""
        forecasts = [answer for answer in answers if isinstance(answer, ForecastAnswer)]
        made = np.array([_summary(answer) for answer in forecasts])
        target, levels = spec.target or "", forecasts[0].levels if forecasts else (0.0, 1.0)
        names = f"{target} q50", f"{target} Δq50", f"{target} q{levels[-1] * 100:g}−q{levels[0] * 100:g}"
        return Signature(names, made.reshape(len(forecasts), len(names)), counted=False)

    def perfect(self, output: Output, examples: Examples) -> Any:
        return np.repeat(np.asarray(examples.targets)[:, :, None], len(output.levels), axis=2)

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        return np.sort(random.normal(size=(len(examples), output.size, len(output.levels))), axis=2)


def middle(levels: Sequence[float]) -> int:
    """Which of the levels is the median, or nearest to it."""
    return min(range(len(levels)), key=lambda place: abs(levels[place] - 0.5))


def _summary(answer: ForecastAnswer) -> tuple[float, float, float]:
    values = np.array(answer.values)
    median = values[:, middle(answer.levels)]
    return float(median.mean()), float(median[-1] - median[0]), float((values[:, -1] - values[:, 0]).mean())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
