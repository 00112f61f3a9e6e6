"""Runs encoders by their int8 graphs with onnxruntime: no torch needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Model, Runtime


class Onnx(Runtime):
    """The head answers in the calling thread; the bases run their graphs."""

    runs = ("arrays", "onnx")

    def compile(self, model: Model) -> Mapping[str, bytes]:
        return {}

    def run(self, model: Model, examples: Examples) -> Any:
        return model.head.scores(model, examples)
