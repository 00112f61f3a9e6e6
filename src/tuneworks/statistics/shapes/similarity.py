"""How alike two inputs are: score arrays (N,) from 0 to 1, targets (N,) likewise, not a number where unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, SimilarityAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics import values
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import shown
from tuneworks.statistics.similarity import is_same, scale_of, sides


class Similarity(Shape):
    """Two inputs are answered with one score; its error is the distance from the truth, of a yes or no it is 0 or 1.

    The true value of a yes or no is kept as a truth value.
    """

    link = "sigmoid"
    simplest = Text("the same answer for all", "对所有行给出同一答案")
    right_or_wrong = False

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.isfinite(np.asarray(targets, dtype=np.float64))

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        targets = np.asarray(train.targets, dtype=np.float64)
        return np.full(len(examples), targets[self.known(targets)].mean())

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> bool | float:
        return _yes_or_no(value, spec) if spec.labels else _on_scale(value, spec)

    def error(self, answer: SimilarityAnswer, truth: Any) -> float:
        return abs(answer.score - float(truth)) if answer.same is None else float(answer.same != truth)

    def explained(self, then: Any, now: Any) -> NDArray[np.float64]:
        return np.asarray(now, dtype=np.float64)

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        scores = [answer.score if isinstance(answer, SimilarityAnswer) else np.nan for answer in answers]
        return Signature((spec.target or "",), np.array(scores, dtype=np.float64).reshape(-1, 1), False)

    def perfect(self, output: Output, examples: Examples) -> Any:
        return np.nan_to_num(np.asarray(examples.targets, dtype=np.float64))

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        return random.uniform(size=len(examples))


def _yes_or_no(value: Any, spec: TaskSpec) -> bool:
    said = is_same(value, spec)
    if said is not None:
        return said
    different, same = sides(spec)
    raise InvalidInput(
        Text(
            f"The true value must be {same!r} or {different!r}, got {shown(value)}.",
            f"正确值应为 {same!r} 或 {different!r}，实为 {shown(value)}。",
        ),
        Text(f"Send {same!r} where both inputs mean the same.", f"两个输入含义相同时请发送 {same!r}。"),
    )


def _on_scale(value: Any, spec: TaskSpec) -> float:
    number, (low, high) = values.number(value), scale_of(spec)
    if number is not None and low <= number <= high:
        return float(number)
    raise InvalidInput(
        Text(
            f"The true value must be a number from {low:g} to {high:g}, got {shown(value)}.",
            f"正确值应为 {low:g} 到 {high:g} 之间的数，实为 {shown(value)}。",
        ),
        Text(
            f"Send it on the target's own scale: {low:g} is different, {high:g} the same.",
            f"请按目标列的尺度发送：{low:g} 表示不同，{high:g} 表示相同。",
        ),
    )
