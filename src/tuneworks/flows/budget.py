"""A budget of time: work that would not be done within it is stopped as soon as a few of its steps foretell that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tuneworks.core.errors import OverBudget
from tuneworks.core.events import Listener
from tuneworks.core.text import Text
from tuneworks.core.types import Event

FEW_STEPS = 5
FEW_SECONDS = 3.0
KEPT_FOR_THE_REST = 0.05  # the share of a budget that is left for storing what was fitted and scored


@dataclass
class Budget:
    """Minutes from when work ``began``; ``None`` is as much as it takes.

    ``scoring``: what scoring a model takes at most, over what fitting it took. ``fitted``: the seconds that the best
    model so far was fitted in; time to score it is always left.
    """

    minutes: float | None
    began: float
    scoring: float = 0.0
    clock: Callable[[], float] = time.monotonic
    fitted: float = 0.0

    @property
    def seconds_left(self) -> float:
        return self.seconds_after(0.0)

    def seconds_after(self, fitting: float) -> float:
        """Seconds that are left beside those for scoring what was fitted in so many."""
        if self.minutes is None:
            return float("inf")
        end = self.began + 60 * self.minutes * (1 - KEPT_FOR_THE_REST)
        return end - self.scoring * max(fitting, self.fitted) - self.clock()

    def watch(self, listener: Listener) -> Listener:
        """A listener that raises ``OverBudget`` when what it hears counted would end after the budget does."""
        return listener if self.minutes is None else _Foretelling(self, listener)


class _Foretelling:
    """Counted work goes on as it began; a new total, or a count that starts again, begins new work."""

    def __init__(self, budget: Budget, listener: Listener) -> None:
        self._budget, self._listener, self._fitting = budget, listener, budget.clock()
        self._total, self._first, self._last, self._began = 0, 0, 0, budget.clock()

    def __call__(self, event: Event) -> None:
        self._listener(event)
        if event.step is None or not event.total:
            return
        if event.total != self._total or event.step < self._last:
            self._total, self._first, self._began = event.total, event.step, self._budget.clock()
        self._last = event.step
        spent, done = self._budget.clock() - self._began, event.step - self._first
        expected = spent / max(1, done) * (event.total - event.step)
        ahead = expected if done >= FEW_STEPS and spent >= FEW_SECONDS else 0.0
        if self._budget.seconds_after(self._budget.clock() - self._fitting + ahead) < ahead:
            raise _over(self._budget, spent + expected)


def _over(budget: Budget, seconds: float) -> OverBudget:
    return OverBudget(
        Text(
            f"This would take about {seconds / 60:.1f} min, more than is left of the budget of {budget.minutes:g} min.",
            f"这大约需要 {seconds / 60:.1f} 分钟，超过预算 {budget.minutes:g} 分钟的剩余时间。",
        ),
        Text(
            "Give it a larger budget, train fewer epochs, or see what fits: tuneworks plan DATASET",
            "请增大预算、减少训练轮数，或查看可行方案：tuneworks plan 数据集",
        ),
        seconds,
    )
