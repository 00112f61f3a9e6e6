"""The nouns of serving and watching; ``core.types`` holds them too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuneworks.core.answers import Answer
from tuneworks.core.text import Text


@dataclass(frozen=True)
class Served:
    """A version as it is served: by which runtime, with which compiled files (name -> blob id)."""

    version_id: str
    runtime: str
    compiled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployment:
    """What a name serves now. ``previous`` holds earlier champions, newest last, for ``rollback``."""

    id: str
    champion: Served
    challenger: Served | None = None
    mode: str = "champion"
    policy: Mapping[str, Any] = field(default_factory=dict)
    previous: tuple[Served, ...] = ()
    moved: str = ""


@dataclass(frozen=True)
class Prediction:
    """One answer that was given, and all that is needed to ask later why."""

    id: str
    deployment: str
    version_id: str
    made: str
    inputs: Mapping[str, Any]
    answer: Answer
    milliseconds: float
    key: str | None = None
    trace: str | None = None


@dataclass(frozen=True)
class Feedback:
    """The truth about a prediction, found by its id or by the caller's key.

    ``value`` is the whole true target (an empty list means: none); a verdict without truth has ``correct`` alone.
    ``weight`` counts in watching, not in training; ``note`` tells of labels new to the version that answered.
    """

    id: str
    made: str
    prediction_id: str | None = None
    key: str | None = None
    source: str = "user"
    value: Any = None
    correct: bool | None = None
    weight: float = 1.0
    error: float | None = None
    note: Text | None = None


@dataclass(frozen=True)
class Signal:
    """What a detector measured on a deployment; ``raised`` when the value is past the threshold."""

    id: str
    deployment: str
    detector: str
    value: float
    threshold: float
    raised: bool
    window: int
    message: Text
    made: str
    seen: bool = False
