"""Train the encoder's top layers with the head: several times as fast as full, close to it where rows are many."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.contracts import Head, Job, Method, Parts, Step
from tuneworks.core.ranges import Range
from tuneworks.core.spaces import Between, Space
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.optimisers import layers_below_top
from tuneworks.neural.options import SHARED, TuningOptions, worth_searching
from tuneworks.neural.tuning import RATES, Adapted, completed, tuned
from tuneworks.neural.whole import whole_files
from tuneworks.statistics import positions

ALLOWED = {**SHARED, "layers": Range(least=1)}


@dataclass(frozen=True)
class Options(TuningOptions):
    """Settings of ``freeze``: those of ``TuningOptions``, and what stays as it is.

    ``layers``: how many of the top layers learn. ``gradual``: one of them in the first epoch, one more in each that
    follows (Howard and Ruder 2018, arXiv 1801.06146).
    """

    layers: int = 2
    gradual: bool = False
    allowed = ALLOWED


class Freeze(Method):
    """Keeps embeddings and lower layers as they are; what lies above them learns."""

    Options = Options
    output_kinds = tuple(RATES)
    reads = ("text",)
    needs_network = True
    rung = 3

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        return completed(super().complete(recipe, output), RATES, output.kind)

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        return {**worth_searching(recipe), "recipe.options.layers": Between(1, 4)}

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)

        def adapt(encoder: Encoder) -> Adapted:
            _let_learn(encoder, options.layers)
            thaw = (lambda epoch: _let_learn(encoder, min(epoch + 1, options.layers))) if options.gradual else None
            return Adapted(lambda: whole_files(encoder), thaw, _never_learning(encoder, options.layers))

        return (yield from tuned(job, options, adapt))

    def load(self, files: Mapping[str, Path]) -> Head:
        return positions.load_head(files)


def _let_learn(encoder: Encoder, layers: int) -> None:
    """Let the top layers learn, and what stands above them."""
    below = layers_below_top(encoder)
    for name, weight in encoder.named_parameters():
        weight.requires_grad = below[name] < layers


def _never_learning(encoder: Encoder, layers: int) -> int | None:
    """How many of the lowest layers can be read once, where the encoder is of a kind that can be read in parts."""
    lower = len(encoder.layers) - layers
    return lower if lower > 0 else None
