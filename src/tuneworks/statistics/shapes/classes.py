"""One of the labels: score arrays (N, C) of probabilities, targets (N,) class numbers, -1 a label outside the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, ClassAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import label


class Classes(Shape):
    """Each example is answered with one label."""

    link = "softmax"
    score_name = Text("probability", "概率")
    sum_name = Text("log-odds against the other labels", "相对其他标签的对数几率")

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.asarray(targets) >= 0

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        return np.tile(shares(np.asarray(train.targets), output.size), (len(examples), 1))

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> str:
        return label(value)

    def error(self, answer: ClassAnswer, truth: Any) -> float:
        return float(answer.label != str(truth))

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        return counted([[answer.label] if isinstance(answer, ClassAnswer) else [] for answer in answers], spec)

    def perfect(self, output: Output, examples: Examples) -> Any:
        return np.eye(output.size, dtype=np.float32)[examples.targets]

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        return random.dirichlet(np.ones(output.size), len(examples))

    def explained(self, then: Any, now: Any) -> NDArray[np.float64]:
        return np.asarray(now, dtype=np.float64)[:, self.leading(then)]

    def leaning(self, scores: Any) -> NDArray[np.float64]:
        """The answered class against the others, these weighted by how probable they are."""
        probable = np.asarray(scores, dtype=np.float64)
        rows, best = np.arange(len(probable)), probable.argmax(axis=1)
        rivals = probable + 1e-9
        rivals[rows, best] = 0.0
        made: NDArray[np.float64] = -rivals / np.maximum(rivals.sum(axis=1, keepdims=True), 1e-12)
        made[rows, best] = 1.0
        return made

    def leading(self, scores: Any) -> int:
        return int(np.argmax(scores))

    def labels(self, truth: Any) -> set[str]:
        return {str(truth)}


def shares(targets: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """How often each class is the target (C,)."""
    made: NDArray[np.float64] = np.bincount(targets[targets >= 0], minlength=size) / max(1, (targets >= 0).sum())
    return made


def counted(labels: Sequence[Sequence[str]], spec: TaskSpec) -> Signature:
    """How often each label was answered in each row; the last counts rows without any."""
    column = {name: number for number, name in enumerate(spec.labels)}
    counts = np.zeros((len(labels), len(spec.labels) + 1))
    for row, given in enumerate(labels):
        for name in given:
            counts[row, column.get(name, -1)] += 1
        counts[row, -1] += not given
    return Signature((*spec.labels, ""), counts, counted=True)
