"""Runs Hugging Face encoders with PyTorch, in batches of like length."""

from __future__ import annotations

from typing import Any

import torch

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Model, Runtime


class Torch(Runtime):
    """The head answers, without gradients."""

    runs = ("arrays", "onnx", "torch")
    alone = True

    def run(self, model: Model, examples: Examples) -> Any:
        with torch.inference_mode():
            return model.head.scores(model, examples)
