"""Driving a method step by step: what it measured, how long it will still take, what is kept of it on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tuneworks.core.asking import Examples, Task
from tuneworks.core.contracts import Step
from tuneworks.core.evaluation import Tally
from tuneworks.core.events import Listener, advance
from tuneworks.core.records import from_plain, to_plain
from tuneworks.core.types import Score, TaskSpec
from tuneworks.flows.trails import NO_TRAIL, Trail
from tuneworks.statistics.intervals import interval, value

NOTHING: Mapping[str, Any] = {}
Attend = Callable[[Step], None]


def pass_by(step: Step) -> None:
    """The attendant that looks at no step."""


class Measure:
    """The deciding metric of score arrays on examples, higher is better; ``best`` is the best so far, as reported."""

    def __init__(self, task: Task, spec: TaskSpec, noted: Mapping[str, Any] = NOTHING) -> None:
        self._task, self._spec, self._noted = task, spec, noted
        self._best: tuple[float, Tally] | None = None

    def __call__(self, scores: Any, examples: Examples) -> float:
        tally = self._task.tally(self._spec, scores, examples)[self._spec.metric or ""]
        measured = -value(tally) if tally.less_is_better else value(tally)
        if measured > (self._best[0] if self._best else self._noted.get("measured", -math.inf)):
            self._best = measured, tally
        return measured

    @property
    def best(self) -> Score | None:
        if self._best is None:
            return from_plain(Score, self._noted.get("best"))
        return interval(self._best[1])

    @property
    def less_is_better(self) -> bool:
        return self._best[1].less_is_better if self._best else bool(self._noted.get("less_is_better"))

    def noted(self) -> Mapping[str, Any]:
        """The best so far as plain values, from which an attempt that goes on begins."""
        if self._best is None:
            return self._noted
        return {"measured": self._best[0], "best": to_plain(self.best), "less_is_better": self.less_is_better}


def run_steps(
    steps: Any,
    listener: Listener,
    attend: Attend = pass_by,
    trail: Trail = NO_TRAIL,
    measure: Measure | None = None,
) -> tuple[Mapping[str, bytes], tuple[Step, ...]]:
    """Drive a method's generator: tell of every step, with the seconds left, and return the parts and the steps.

    Where the listener or the attendant ends the fit, what is needed to go on from the last step is kept first.
    """
    history, clock = list(trail.history), SecondsLeft()
    noted = measure.noted if measure else lambda: NOTHING
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value, tuple(history)
        history.append(replace(step, state=None, validate=None))
        try:
            attend(step)
            advance(listener, step.message, step.step, step.total, values={**step.values, **clock.after(step)})
        except BaseException as error:
            trail.stopped(error, step, history, noted)
            raise
        trail.passed(step, history, noted)


class SecondsLeft:
    """How long counted work will still take, at the pace it has had so far; a new total begins new work."""

    def __init__(self) -> None:
        self._total, self._first, self._began = 0, 0, 0.0

    def after(self, step: Step) -> dict[str, float]:
        if step.total != self._total or step.step < self._first:
            self._total, self._first, self._began = step.total, step.step, time.monotonic()
        done = step.step - self._first
        if not done:
            return {}
        return {"seconds_left": (time.monotonic() - self._began) / done * (step.total - step.step)}
