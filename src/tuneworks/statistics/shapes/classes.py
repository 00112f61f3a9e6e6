"""One of the labels: score arrays (N, C) of probabilities, targets (N,) class numbers, -1 a label outside the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, ClassAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import label


class Classes(Shape):
    """Each example is answered with one label."""

    link = "softmax"

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
