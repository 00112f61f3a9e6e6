"""What models answer: one frozen dataclass for each kind of output, for log, HTTP and report alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A labelled stretch of text: code-point offsets into the text as given, end exclusive."""

    start: int
    end: int
    label: str
    text: str = ""
    score: float | None = None


class Written(str):
    """A piece of a text as it is written: whole characters, and how many tokens (``tokens``) they took."""

    tokens: int

    def __new__(cls, text: str, tokens: int) -> Written:
        made = super().__new__(cls, text)
        made.tokens = tokens
        return made


@dataclass(frozen=True)
class ClassAnswer:
    """Which one of the labels, and how probable each is."""

    label: str
    score: float
    scores: Mapping[str, float]
    kind: str = "classes"


@dataclass(frozen=True)
class LabelsAnswer:
    """Which of the labels hold (any number of them), and how probable each is."""

    labels: tuple[str, ...]
    scores: Mapping[str, float]
    kind: str = "multi_label"


@dataclass(frozen=True)
class SpansAnswer:
    """The labelled stretches of the text, in order."""

    spans: tuple[Span, ...]
    kind: str = "token_classes"


@dataclass(frozen=True)
class PassageAnswer:
    """The stretch of the text that answers, or none (``text`` is ``None``), and how probable it is."""

    text: str | None
    start: int | None
    end: int | None
    score: float
    kind: str = "spans"


@dataclass(frozen=True)
class NumberAnswer:
    """One number, in the target's own unit."""

    value: float
    kind: str = "number"


@dataclass(frozen=True)
class ForecastAnswer:
    """What is expected at each coming step: ``values`` holds one number a level for each, in the target's unit."""

    levels: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    kind: str = "quantiles"


@dataclass(frozen=True)
class SimilarityAnswer:
    """How alike two inputs are, on the target's own scale; ``same`` where the target says yes or no."""

    score: float
    same: bool | None = None
    kind: str = "similarity"


@dataclass(frozen=True)
class AnomalyAnswer:
    """How far from the known good an input lies, and whether that is past the threshold.

    ``normal``: what the target calls an input that is no anomaly, where there is a target.
    """

    score: float
    threshold: float
    anomalous: bool
    normal: str | None = None
    kind: str = "anomaly"


@dataclass(frozen=True)
class LikelihoodAnswer:
    """How much a text surprises a model of language: its perplexity over the tokens that it was read in."""

    perplexity: float
    tokens: int
    kind: str = "likelihood"


@dataclass(frozen=True)
class TextAnswer:
    """A written answer, and how probable the model holds it: the geometric mean over its tokens."""

    text: str
    score: float
    kind: str = "text"


Answer = (
    ClassAnswer
    | LabelsAnswer
    | SpansAnswer
    | PassageAnswer
    | NumberAnswer
    | ForecastAnswer
    | SimilarityAnswer
    | AnomalyAnswer
    | LikelihoodAnswer
    | TextAnswer
)
