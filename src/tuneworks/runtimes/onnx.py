"""Runs encoders by their graphs with onnxruntime, tuned ones too, in int8 or float32: no torch needed."""

from __future__ import annotations

from typing import Any

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Model, Runtime
from tuneworks.runtimes._one_thread import one_thread


class Onnx(Runtime):
    """The head answers in the calling thread; the bases run their graphs."""

    runs = ("arrays", "onnx")
    forms = ("int8", "float32")

    def run(self, model: Model, examples: Examples) -> Any:
        with one_thread():
            return model.head.scores(model, examples)
