"""How strange an input is: score arrays (N,), past 1 an alarm; targets (N,), 1 an anomaly, 0 the known good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import AnomalyAnswer, Answer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import label, shown

SURE = 2.0  # as far past the threshold as below it


class Anomaly(Shape):
    """Each example is answered with its distance from the known good."""

    simplest = Text("nothing is an anomaly", "一律视为正常")

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.asarray(targets) == 0

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        return np.zeros(len(examples)) if np.any(examples.targets) else None

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> bool | str:
        """Yes or no as the target's own labels where it has such."""
        if not isinstance(value, bool):
            if spec.target is None:
                raise _neither(value)
            return label(value)
        if spec.target is None:
            return value
        normal = spec.options.get("normal")
        return next((name for name in spec.labels if name != normal), "anomaly") if value else str(normal)

    def error(self, answer: AnomalyAnswer, truth: Any) -> float:
        anomalous = truth if isinstance(truth, bool) else str(truth) != answer.normal
        return float(answer.anomalous != anomalous)

    def explained(self, then: Any, now: Any) -> NDArray[np.float64]:
        return np.asarray(now, dtype=np.float64)

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        scores = [[answer.score if isinstance(answer, AnomalyAnswer) else np.nan] for answer in answers]
        return Signature(("score",), np.array(scores, dtype=np.float64).reshape(-1, 1), counted=False)

    def perfect(self, output: Output, examples: Examples) -> Any:
        return SURE * np.asarray(examples.targets, dtype=np.float64)

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        return random.uniform(0, SURE, len(examples))

    def labels(self, truth: Any) -> set[str]:
        return set() if isinstance(truth, bool) else {str(truth)}


def _neither(value: Any) -> InvalidInput:
    return InvalidInput(
        Text(
            f"The true value must say whether it was an anomaly: true or false, got {shown(value)}.",
            f"正确值应说明是否异常：true 或 false，实为 {shown(value)}。",
        ),
        Text("Send true for an anomaly, false for none.", "异常请发送 true，正常请发送 false。"),
    )
