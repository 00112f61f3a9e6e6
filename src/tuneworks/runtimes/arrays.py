"""Runs models of weightless bases with numpy alone: no torch needed."""

from __future__ import annotations

from typing import Any

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Model, Runtime
from tuneworks.runtimes._one_thread import one_thread


class Arrays(Runtime):
    """The head answers in the calling thread."""

    runs = ("arrays",)

    def run(self, model: Model, examples: Examples) -> Any:
        with one_thread():
            return model.head.scores(model, examples)
