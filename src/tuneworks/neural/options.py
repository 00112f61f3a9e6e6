"""Settings that every method shares which learns by gradient steps."""

from __future__ import annotations

from dataclasses import dataclass

from tuneworks.core.ranges import OneOf, Range, check_values
from tuneworks.core.spaces import Between, Space
from tuneworks.core.types import Recipe
from tuneworks.neural.losses import NAMES as LOSS_NAMES
from tuneworks.neural.optimisers import OPTIMISERS, SHAPES
from tuneworks.neural.precision import PRECISIONS

SHARED: dict[str, Range | OneOf] = {
    "weight_decay": Range(least=0),
    "dropout": Range(least=0, below=1),
    "warm_up": Range(least=0, most=1),
    "clip": Range(above=0),
    "class_weights": OneOf(("balanced", "effective")),
    "patience": Range(least=1),
    "minimum_delta": Range(least=0),
    "head_learning_rate": Range(above=0),
    "optimiser": OneOf(tuple(OPTIMISERS)),
    "momentum": Range(least=0, below=1),
    "schedule": OneOf(tuple(SHAPES)),
    "accumulation": Range(least=1),
    "average": Range(above=0, below=1),
    "layer_decay": Range(above=0, most=1),
    "r_drop": Range(least=0),
    "adversarial": Range(least=0),
    "loss": OneOf(LOSS_NAMES),
    "label_noise": OneOf(("down-weight",)),
    "gamma": Range(least=0),
    "robustness": Range(above=0, most=1),
    "label_smoothing": Range(least=0, below=1),
    "quantile": Range(above=0, below=1),
    "mixed_precision": OneOf(PRECISIONS),
}


@dataclass(frozen=True)
class TuningOptions:
    """Settings of methods that learn by gradient steps.

    ``weight_decay``: of weights, not of biases and norms. ``dropout``: share dropped before the head. ``warm_up``:
    share of steps the learning rate rises. ``clip``: largest gradient norm. ``patience``, ``minimum_delta``: early
    stopping on the deciding metric. ``start_from_linear``: begin with the linear head of the frozen features.

    ``optimiser``, ``momentum`` (of sgd), ``schedule``: how steps are taken. ``head_learning_rate``: the head's own.
    ``accumulation``: batches a step. ``average``: share kept of a moving average of the weights, which is validated
    and kept instead of them. ``layer_decay``: the learning rate of a layer over that of the layer above it.

    ``loss``: what is made small (default: what fits the answer); "crf" reads the tags of a text as a chain. ``gamma``:
    of focal; ``robustness``: of generalised cross-entropy, 1 the mean absolute error; ``quantile``: what loss
    "quantile" aims at. ``label_smoothing``: share of the truth given to all labels alike. ``class_weights``: "balanced"
    weighs classes by the inverse of their rows, "effective" by that of their effective number. ``balanced_batches``:
    every class is drawn as often as any other. ``label_noise``: "down-weight" lets rows whose label looks wrong, to a
    linear head on the untuned features, count less.

    ``r_drop``: weight of how much two passes may differ. ``adversarial``: how far embeddings are pushed the wrong way.

    ``mixed_precision``: "bf16" lets layers of known families compute their gradients by products of bfloat16, "no" does
    not; by default what is faster here. Weights stay in float32, and so does all that is measured and answered.
    """

    weight_decay: float = 0.01
    dropout: float = 0.1
    warm_up: float = 0.1
    clip: float = 1.0
    class_weights: str | None = None
    patience: int = 2
    minimum_delta: float = 0.0
    start_from_linear: bool = True
    head_learning_rate: float | None = None
    optimiser: str = "adamw"
    momentum: float = 0.9
    schedule: str = "linear"
    accumulation: int = 1
    average: float | None = None
    layer_decay: float = 1.0
    loss: str | None = None
    gamma: float = 2.0
    robustness: float = 0.7
    label_smoothing: float = 0.0
    quantile: float = 0.5
    balanced_batches: bool = False
    label_noise: str | None = None
    r_drop: float = 0.0
    adversarial: float = 0.0
    mixed_precision: str | None = None
    allowed = SHARED

    def __post_init__(self) -> None:
        check_values(self, self.allowed, "recipe.options.")


def worth_searching(recipe: Recipe) -> dict[str, Space]:
    """What to try around a complete recipe of a method that learns by gradient steps."""
    rate = recipe.learning_rate or 1e-4
    return {
        "recipe.learning_rate": Between(rate / 5, rate * 3, log=True),
        "recipe.batch_tokens": Between(256, 2048, log=True),
        "recipe.options.dropout": Between(0.0, 0.3),
        "recipe.options.warm_up": Between(0.0, 0.3),
        "recipe.options.weight_decay": Between(0.001, 0.3, log=True),
    }
