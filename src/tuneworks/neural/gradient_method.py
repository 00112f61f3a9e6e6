"""What methods that tune an encoder's network have in common; each says how the network is adapted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import Head, Job, Method, Parts, Step
from tuneworks.core.spaces import Space
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.optimisers import RATE_BESIDE_ADAMW
from tuneworks.neural.options import worth_searching
from tuneworks.neural.precision import settled
from tuneworks.neural.tuning import EPOCHS, RATES, Adapted, tuned
from tuneworks.statistics import positions


class GradientMethod(Method):
    """The contract of a method that learns by gradient steps; its ``Options`` are ``TuningOptions``.

    ``pace``: its learning rate over that of tuning all weights.
    """

    output_kinds = tuple(RATES)
    reads = ("text",)
    pace: float = 1.0

    @abstractmethod
    def adapt(self, encoder: Encoder, options: Any) -> Adapted:
        """Say which of the encoder's weights learn, and what files come of them."""

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        made = settled(super().complete(recipe, output))
        rate = self.pace * RATES[output.kind] * RATE_BESIDE_ADAMW.get(made.options["optimiser"], 1.0)
        return replace(made, epochs=recipe.epochs or EPOCHS, learning_rate=recipe.learning_rate or rate)

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        return worth_searching(recipe)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = self.Options(**job.recipe.options)
        return (yield from tuned(job, options, lambda encoder: self.adapt(encoder, options)))

    def load(self, files: Mapping[str, Path]) -> Head:
        return positions.load_head(files)
