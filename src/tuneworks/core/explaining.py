"""Why an answer is what it is: the contract of explainers, what they are asked, and what they say.

Arrays are numpy arrays; N counts examples, D feature dimensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuneworks.core.answers import Answer
from tuneworks.core.asking import Examples, Task
from tuneworks.core.contracts import Model
from tuneworks.core.text import Text


@dataclass(frozen=True)
class Part:
    """A part of an input, and how far it speaks for the answer (``weight``; below zero against it).

    ``shown``: what stands there, or the column's value. ``start``, ``end``: the stretch of a text, in code points.
    ``box``: the piece of an image: left, top, right, bottom as shares of its sides.
    """

    column: str
    weight: float
    shown: str = ""
    start: int | None = None
    end: int | None = None
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Neighbour:
    """A training row that the model sees as alike: its number in the version's dataset, from 1, where it is one row.

    ``similarity``: the cosine of their features. ``truth``: what the dataset says of it.
    """

    row: int | None
    similarity: float
    inputs: Mapping[str, Any]
    truth: Any = None


@dataclass(frozen=True)
class Attribution:
    """What one answer rests on: parts of the input, the strongest first, or rows it was learnt from, the nearest first.

    ``measure``: what weights are counted in. ``without``: what is there without any of the parts; where ``exact``, it
    and the weights add up to ``total``.
    """

    measure: Text
    total: float = 0.0
    without: float = 0.0
    exact: bool = False
    parts: tuple[Part, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """An answer with what it rests on; ``label``: the one explained, where the answer has labels.

    ``explainer`` and ``reason``: by what, and why by that. ``prediction``: the id of the logged prediction, if it was
    one.
    """

    version: str
    inputs: Mapping[str, Any]
    answer: Answer
    explainer: str
    reason: Text
    attribution: Attribution
    label: str | None = None
    prediction: str | None = None


@dataclass(frozen=True)
class Known:
    """The rows a version learnt from, their numbers in the dataset, and their features (N, D), one block a base."""

    examples: Examples
    numbers: Sequence[int | None]
    blocks: Sequence[Any]


@dataclass(frozen=True)
class Question:
    """Answers to be explained: a model and its task, examples with score arrays, and how the model is run on others.

    ``known``: the rows it learnt from, read when they are asked for, at most ``known_rows`` of them.
    """

    model: Model
    task: Task
    examples: Examples
    scores: Any
    run: Callable[[Examples], Any]
    known: Callable[[], Known]
    known_rows: int


class Explainer(ABC):
    """Says what answers rest on.

    ``reason``: what it is good for, in a sentence that can follow its name. ``by_rows``: whether it shows rows instead
    of parts; one that shows parts is chosen before it.
    """

    reason: Text
    by_rows: bool = False

    @abstractmethod
    def cost(self, question: Question) -> float | None:
        """How many runs of the model an example takes; ``None`` where it cannot explain that model's answers."""

    @abstractmethod
    def explain(self, question: Question) -> list[Attribution]:
        """One attribution an example, in order."""
