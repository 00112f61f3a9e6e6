"""What a search tried, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuneworks.core.text import Text


@dataclass(frozen=True)
class Measured:
    """What validation rows said after a share of the training (higher is better), and after how many seconds."""

    share: float
    validation: float
    seconds: float


@dataclass(frozen=True)
class Trial:
    """A recipe's searched ``values`` and what came of it. Outcome: measured, given_up, failed, unfinished.

    ``points``: what validation rows said after each share of the training that it was measured at.
    """

    number: int
    run_id: str
    values: Mapping[str, Any]
    seed: int
    outcome: str
    points: tuple[Measured, ...] = ()
    error: Text | None = None

    @property
    def score(self) -> float | None:
        """The last measure on validation rows."""
        return self.points[-1].validation if self.points else None

    @property
    def seconds(self) -> float:
        """How long it took until then."""
        return self.points[-1].seconds if self.points else 0.0

    @property
    def rank(self) -> tuple[float, float]:
        """How far it came and what it measured there: the greater the better."""
        return (self.points[-1].share, self.points[-1].validation) if self.points else (0.0, 0.0)
