"""What there is to know about one kind of output, whichever task asks for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec


@dataclass(frozen=True)
class Signature:
    """What answers look like in numbers, for watching: ``values`` (N, K) under K names.

    ``counted``: the values count labels, and shares of the sums are compared; else their distributions are.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    counted: bool


class Shape(ABC):
    """One kind of output.

    ``link``: how a linear head's sums become scores: softmax, sigmoid, identity, or positions (probabilities over an
    example's units). ``simplest``: the name of the simplest answer (see ``prior``). ``score_name``, ``sum_name``: what
    scores, and a linear head's sums, are called. ``right_or_wrong``: whether an answer's error is 0 or 1; else it is a
    distance in the target's own unit. ``golden_rows``: how many held-out rows a model is sealed with.
    """

    link: str = "identity"
    simplest: Text = Text("commonest answer", "最常见答案")
    score_name: Text = Text("value", "数值")
    sum_name: Text = Text("value", "数值")
    right_or_wrong: bool = True
    golden_rows: int = 16

    @abstractmethod
    def known(self, targets: Any) -> NDArray[np.bool_]:
        """For each example whether its target teaches anything (N,)."""

    @abstractmethod
    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        """The scores of the simplest answer, learnt from the training targets alone; ``None`` where there is none."""

    @abstractmethod
    def truth(self, value: Any, row: Row, spec: TaskSpec) -> Any:
        """A user's true value in canonical form; raises ``InvalidInput`` saying what was expected."""

    @abstractmethod
    def error(self, answer: Any, truth: Any) -> float:
        """How wrong an answer is: 0 is right."""

    @abstractmethod
    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        """The answers in numbers, a row each."""

    @abstractmethod
    def perfect(self, output: Output, examples: Examples) -> Any:
        """Score arrays that are certain of every true target."""

    @abstractmethod
    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        """Score arrays of a model that guesses."""

    def apart(self, then: Any, now: Any) -> float:
        """max |now - then| of score arrays relative to their scale; infinite where shapes or not-a-numbers differ."""
        then, now = np.asarray(then, dtype=float), np.asarray(now, dtype=float)
        if then.shape != now.shape:
            return float("inf")
        if then.size == 0:
            return 0.0
        found = float(np.abs(now - then).max() / max(1.0, float(np.abs(then).max())))
        return float("inf") if np.isnan(found) else found

    def explained(self, then: Any, now: Any) -> NDArray[np.float64] | None:
        """How far score arrays (N, ...) still say what the one score array ``then`` does; ``None`` where they never do.

        Of the whole example there must be one number that stands for the answer: that is what is explained.
        """
        return None

    def leaning(self, scores: Any) -> NDArray[np.float64]:
        """How a linear head's sums speak for what is explained of score arrays (N, C): the weight of each."""
        return np.ones((len(scores), 1))

    def leading(self, scores: Any) -> int | None:
        """Which label's score is explained of one score array, where the answer has labels."""
        return None

    def labels(self, truth: Any) -> set[str]:
        """The labels a true value names; none where it is measured rather than named."""
        return set()


@cache
def shape_of(kind: str) -> Shape:
    """The shape of a kind of output: the one class of the file named after it."""
    module = import_module(f"tuneworks.statistics.shapes.{kind}")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Shape) and value.__module__ == module.__name__
    )
    made: Shape = found()
    return made
