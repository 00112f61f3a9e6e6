"""Train the biases alone, with the head: a thousandth of the weights, most of what full tuning gains."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.contracts import Head, Job, Method, Parts, Step
from tuneworks.core.spaces import Space
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.options import TuningOptions, worth_searching
from tuneworks.neural.tuning import RATES, Adapted, completed, tuned
from tuneworks.neural.whole import whole_files
from tuneworks.statistics import positions

LEARNING_RATES = {kind: 5 * rate for kind, rate in RATES.items()}


@dataclass(frozen=True)
class Options(TuningOptions):
    """Settings of ``bitfit``: those of ``TuningOptions``."""


class Bitfit(Method):
    """Moves the encoder's biases, and nothing else of it (Ben Zaken et al. 2022, arXiv 2106.10199)."""

    Options = Options
    output_kinds = tuple(LEARNING_RATES)
    reads = ("text",)
    needs_network = True

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        return completed(super().complete(recipe, output), LEARNING_RATES, output.kind)

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        return worth_searching(recipe)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        return (yield from tuned(job, Options(**job.recipe.options), _biases))

    def load(self, files: Mapping[str, Path]) -> Head:
        return positions.load_head(files)


def _biases(encoder: Encoder) -> Adapted:
    for name, weight in encoder.named_parameters():
        weight.requires_grad = name.endswith("bias")
    return Adapted(lambda: whole_files(encoder))
