"""What a report tells about how a version came to be, beside the version itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuneworks.core.text import Text


@dataclass(frozen=True)
class Setting:
    """One value of the recipe and where it comes from: ``default``, ``data`` or ``user``."""

    name: str
    value: Any
    source: str


@dataclass(frozen=True)
class Provenance:
    """The dataset's name and rows by split, the parent version, what the run cost, how often the test rows were used.

    ``test_scored`` counts the scorings of the test rows, this one included. ``scored`` says which rows were scored
    where they are another dataset's than the version's own.
    """

    dataset: str = ""
    splits: Mapping[str, int] = field(default_factory=dict)
    parent: str | None = None
    seconds: float | None = None
    memory_megabytes: float | None = None
    test_scored: int = 1
    recipe: Sequence[Setting] = ()
    scored: Text | None = None
