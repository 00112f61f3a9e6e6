"""Any number of the labels: score arrays (N, C), a probability each; targets (N, C) of 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, LabelsAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics.shapes.classes import counted
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import label, shown


class MultiLabel(Shape):
    """Each example is answered with the labels that hold; none may."""

    link = "sigmoid"
    score_name = Text("probability", "概率")
    sum_name = Text("log-odds", "对数几率")

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.ones(len(targets), dtype=bool)

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        share = np.asarray(train.targets, dtype=np.float64).mean(axis=0)
        return np.tile(share, (len(examples), 1))

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> list[str]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise _not_a_list(value)
        return sorted({label(one) for one in value})

    def error(self, answer: LabelsAnswer, truth: Any) -> float:
        return float(set(answer.labels) != set(truth))

    def explained(self, then: Any, now: Any) -> NDArray[np.float64]:
        """Of the most probable label."""
        return np.asarray(now, dtype=np.float64)[:, self.leading(then)]

    def leaning(self, scores: Any) -> NDArray[np.float64]:
        return np.eye(np.shape(scores)[1])[np.argmax(scores, axis=1)]

    def leading(self, scores: Any) -> int:
        return int(np.argmax(scores))

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        return counted([answer.labels if isinstance(answer, LabelsAnswer) else () for answer in answers], spec)

    def perfect(self, output: Output, examples: Examples) -> Any:
        return np.asarray(examples.targets, dtype=np.float32)

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        return random.random((len(examples), output.size))

    def labels(self, truth: Any) -> set[str]:
        return set(truth)


def _not_a_list(value: Any) -> InvalidInput:
    return InvalidInput(
        Text(
            f"The true value must be the list of all labels that hold, got {shown(value)}.",
            f"正确值应为所有成立标签的列表，实为 {shown(value)}。",
        ),
        Text('Send ["loans", "cards"]; [] says that none holds.', '请发送 ["贷款", "信用卡"]；[] 表示都不成立。'),
    )
