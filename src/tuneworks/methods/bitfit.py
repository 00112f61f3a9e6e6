"""Train the biases alone, with the head: a thousandth of the weights, most of what full tuning gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuneworks.neural.encoder import Encoder
from tuneworks.neural.gradient_method import GradientMethod
from tuneworks.neural.options import TuningOptions
from tuneworks.neural.tuning import Adapted
from tuneworks.neural.whole import whole_files


@dataclass(frozen=True)
class Options(TuningOptions):
    """Settings of ``bitfit``: those of ``TuningOptions``."""


class Bitfit(GradientMethod):
    """Moves the encoder's biases, and nothing else of it (Ben Zaken et al. 2022, arXiv 2106.10199)."""

    Options = Options
    needs_network = True
    pace = 5.0

    def adapt(self, encoder: Encoder, options: Any) -> Adapted:
        for name, weight in encoder.named_parameters():
            weight.requires_grad = name.endswith("bias")
        return Adapted(lambda: whole_files(encoder))
