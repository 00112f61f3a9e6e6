"""The share of wrong answers among judged predictions, against the error on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from tuneworks.core.contracts import Detector, Measurement, Window
from tuneworks.core.text import Text
from tuneworks.core.types import Answer, Feedback, TaskSpec

FEWEST_JUDGED = 20
DEVIATES = 2.576  # the two-sided 99 % interval of a normal distribution


class RealisedPerformance(Detector):
    """Raised when the 99 % interval of the difference between the present and the held-out error lies above zero."""

    def measure(self, reference: Window, current: Window, spec: TaskSpec) -> Measurement | None:
        if len(current.judged) < FEWEST_JUDGED or not reference.judged:
            return None
        before, today = error(reference.judged), error(current.judged)
        threshold = before + margin(before, len(reference.judged), today, len(current.judged))
        return Measurement(today, threshold, today > threshold, _message(before, today, threshold, len(current.judged)))


def error(judged: Sequence[tuple[Answer, Feedback]]) -> float:
    """The share of judged answers that were wrong, each counted by its weight."""
    total = sum(verdict.weight for _, verdict in judged)
    return sum(verdict.weight for _, verdict in judged if not verdict.correct) / total


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


def _message(before: float, today: float, threshold: float, judged: int) -> Text:
    return Text(
        f"{today:.1%} of {judged} judged answers were wrong; on held-out rows it was {before:.1%} "
        f"(beyond chance above {threshold:.1%}).",
        f"{judged} 条有反馈的答案中 {today:.1%} 是错的；保留数据上的错误率为 {before:.1%}"
        f"（超过 {threshold:.1%} 才超出偶然范围）。",
    )
