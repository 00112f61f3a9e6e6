"""Asks replicas of the model on a Ray cluster, by Ray Serve; used when it is named."""

from __future__ import annotations

from typing import Any

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Model, Runtime
from tuneworks.core.registry import missing_extra


class RayServe(Runtime):
    """Each replica runs the model as it was tuned, in a process of its own; Ray has as many as are kept busy."""

    runs = ("arrays", "onnx", "torch")
    far = True

    def run(self, model: Model, examples: Examples) -> Any:
        return _replicas().ask(model, examples)


def _replicas() -> Any:
    try:
        from tuneworks.runtimes import _replicas as found
    except ModuleNotFoundError as error:
        raise missing_extra("ray") from error
    return found
