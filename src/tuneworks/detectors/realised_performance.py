"""How wrong judged predictions were, against the error on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy import ndarray

from tuneworks.core.answers import Answer
from tuneworks.core.text import Text
from tuneworks.core.types import Feedback, TaskSpec
from tuneworks.core.watching import Detector, Measurement, Window
from tuneworks.statistics.shapes.shape import shape_of

FEWEST_JUDGED = 20
DEVIATES = 2.576  # the two-sided 99 % interval of a normal distribution


class RealisedPerformance(Detector):
    """Raised when the 99 % interval of the difference between the present and the held-out error lies above zero.

    The error of labels is the share of wrong answers; of numbers the mean distance from the truth.
    """

    def measure(self, reference: Window, current: Window, spec: TaskSpec) -> Measurement | None:
        shape = shape_of(current.answers[0].kind) if current.answers else None
        now, then = _errors(current.judged), _errors(reference.judged)
        if shape is None or len(now) < FEWEST_JUDGED or not len(then):
            return None
        before, today = mean(then), mean(now)
        apart = margin(before, len(then), today, len(now)) if shape.right_or_wrong else spread_margin(then, now)
        threshold = before + apart
        message = _message if shape.right_or_wrong else _distance_message
        return Measurement(today, threshold, today > threshold, message(before, today, threshold, len(now)))


def mean(errors: ndarray) -> float:
    """The mean of errors (N, 2) by their weights: column 0 the error, column 1 the weight."""
    return float(np.average(errors[:, 0], weights=errors[:, 1]))


def spread_margin(before: ndarray, today: ndarray) -> float:
    """How far two means must lie apart to differ beyond chance (Welch 1947, normal approximation)."""
    return DEVIATES * sqrt(sum(float(np.var(errors[:, 0], ddof=1)) / len(errors) for errors in (before, today)))


def margin(before: float, before_trials: int, today: float, today_trials: int) -> float:
    """How far two shares must lie apart to differ beyond chance (Newcombe 1998, method 10)."""
    low, _ = wilson(today, today_trials)
    _, high = wilson(before, before_trials)
    return sqrt((today - low) ** 2 + (high - before) ** 2)


def wilson(share: float, trials: int) -> tuple[float, float]:
    """The 99 % interval of a share (Wilson 1927).

    >>> low, high = wilson(0.1, 100)
    >>> round(low, 3), round(high, 3)
    (0.046, 0.204)
    """
    square = DEVIATES**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = DEVIATES * sqrt(share * (1 - share) / trials + square / (4 * trials**2)) / (1 + square / trials)
    return max(0.0, centre - half), min(1.0, centre + half)


def _errors(judged: Sequence[tuple[Answer, Feedback]]) -> ndarray:
    """Error and weight of every judged answer whose error is known (N, 2); a verdict alone says 0 or 1 of labels."""
    errors = ((_error(answer, verdict), verdict.weight) for answer, verdict in judged)
    known = [(error, weight) for error, weight in errors if error is not None]
    return np.array(known, dtype=np.float64).reshape(len(known), 2)


def _error(answer: Answer, verdict: Feedback) -> float | None:
    if verdict.error is None and shape_of(answer.kind).right_or_wrong:
        return float(not verdict.correct)
    return verdict.error


def _message(before: float, today: float, threshold: float, judged: int) -> Text:
    return Text(
        f"{today:.1%} of {judged} judged answers were wrong; on held-out rows it was {before:.1%} "
        f"(beyond chance above {threshold:.1%}).",
        f"{judged} 条有反馈的答案中 {today:.1%} 是错的；保留数据上的错误率为 {before:.1%}"
        f"（超过 {threshold:.1%} 才超出偶然范围）。",
    )


def _distance_message(before: float, today: float, threshold: float, judged: int) -> Text:
    return Text(
        f"{judged} judged answers were off by {today:.4g} on average; on held-out rows it was {before:.4g} "
        f"(beyond chance above {threshold:.4g}).",
        f"{judged} 条有反馈的答案平均误差为 {today:.4g}；保留数据上为 {before:.4g}"
        f"（超过 {threshold:.4g} 才超出偶然范围）。",
    )
