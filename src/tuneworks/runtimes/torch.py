"""Runs Hugging Face encoders with PyTorch, in batches of like length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from tuneworks.core.contracts import Examples, Model, Runtime
from tuneworks.statistics import linear


class Torch(Runtime):
    """The encoder's features without gradients, then the linear head."""

    runs = ("arrays", "torch")

    def compile(self, model: Model) -> Mapping[str, bytes]:
        return {}

    def run(self, model: Model, examples: Examples) -> Any:
        with torch.inference_mode():
            return linear.score(model, examples)
