"""What watches a deployment: windows of predictions, and the contract of detectors, which measure a change in them.

Arrays are numpy arrays; N counts examples, D feature dimensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuneworks.core.answers import Answer
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec


@dataclass(frozen=True)
class Window:
    """Predictions of one period: pooled features (N, D), answers and their kind, and judged rows among them."""

    features: Any
    answers: Sequence[Answer]
    judged: Sequence[tuple[Answer, Any]] = ()


@dataclass(frozen=True)
class Measurement:
    """A detector's figure beside its threshold."""

    value: float
    threshold: float
    raised: bool
    message: Text


class Detector(ABC):
    """Measures one kind of change between a reference and the current window."""

    @abstractmethod
    def measure(self, reference: Window, current: Window, spec: TaskSpec) -> Measurement | None:
        """The figure, or ``None`` where the windows hold too little to say."""
