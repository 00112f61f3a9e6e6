"""One number in the target's own unit: score arrays (N,), targets (N,), not a number where the truth is unknown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, NumberAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics import values
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import shown
from tuneworks.statistics.targets import capped


class Number(Shape):
    """Each example is answered with one number; how wrong it is, is its distance from the truth."""

    simplest = Text("mean of the training rows", "训练数据的平均值")
    right_or_wrong = False

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.isfinite(np.asarray(targets, dtype=np.float64))

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        targets = np.asarray(train.targets, dtype=np.float64)
        return np.full(len(examples), targets[self.known(targets)].mean())

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> float:
        number = values.number(value)
        if number is None or not math.isfinite(number):
            raise InvalidInput(
                Text(f"The true value must be a number, got {shown(value)}.", f"正确值应为数字，实为 {shown(value)}。"),
                Text("Send it in the target's own unit, such as 12.5.", "请按目标列的单位发送，例如 12.5。"),
            )
        return capped(number, spec)

    def error(self, answer: NumberAnswer, truth: Any) -> float:
        return abs(answer.value - float(truth))

    def explained(self, then: Any, now: Any) -> NDArray[np.float64]:
        return np.asarray(now, dtype=np.float64)

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        numbers = [[answer.value] if isinstance(answer, NumberAnswer) else [math.nan] for answer in answers]
        return Signature((spec.target or "",), np.array(numbers, dtype=np.float64).reshape(len(answers), 1), False)

    def perfect(self, output: Output, examples: Examples) -> Any:
        return np.asarray(examples.targets, dtype=np.float64)

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        return random.normal(size=len(examples))
