"""Train the encoder's top layers with the head: several times as fast as full, close to it where rows are many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuneworks.core.ranges import Range
from tuneworks.core.spaces import Between, Space
from tuneworks.core.types import Recipe
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.gradient_method import GradientMethod
from tuneworks.neural.optimisers import layers_below_top
from tuneworks.neural.options import SHARED, TuningOptions
from tuneworks.neural.tuning import Adapted
from tuneworks.neural.whole import whole_files

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


class Freeze(GradientMethod):
    """Keeps embeddings and lower layers as they are; what lies above them learns."""

    Options = Options
    needs_network = True
    rung = 3

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        return {**super().space(recipe), "recipe.options.layers": Between(1, 4)}

    def adapt(self, encoder: Encoder, options: Any) -> Adapted:
        _let_learn(encoder, options.layers)
        thaw = (lambda epoch: _let_learn(encoder, min(epoch + 1, options.layers))) if options.gradual else None
        return Adapted(lambda: whole_files(encoder), thaw, _never_learning(encoder, options.layers))


def _let_learn(encoder: Encoder, layers: int) -> None:
    """Let the top layers learn, and what stands above them."""
    below = layers_below_top(encoder)
    for name, weight in encoder.named_parameters():
        weight.requires_grad = below[name] < layers


def _never_learning(encoder: Encoder, layers: int) -> int | None:
    """How many of the lowest layers can be read once, where the encoder is of a kind that can be read in parts."""
    lower = len(encoder.layers) - layers
    return lower if lower > 0 else None
