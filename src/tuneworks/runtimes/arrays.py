"""Runs models of weightless bases with numpy alone: no torch needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuneworks.core.contracts import Examples, Model, Runtime
from tuneworks.statistics import linear


class Arrays(Runtime):
    """Features of the bases, then the linear head, in the calling thread."""

    runs = ("arrays",)

    def compile(self, model: Model) -> Mapping[str, bytes]:
        return {}

    def run(self, model: Model, examples: Examples) -> Any:
        return linear.score(model, examples)
