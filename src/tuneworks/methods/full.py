"""Train the whole encoder with its head: dearest, strongest where there are many rows."""

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
from tuneworks.neural.whole import let_embeddings_learn, whole_files
from tuneworks.statistics import positions


@dataclass(frozen=True)
class Options(TuningOptions):
    """Settings of ``full``: those of ``TuningOptions``, and whether word embeddings learn.

    ``train_embeddings``: by default where the vocabulary is below 100,000.
    """

    train_embeddings: bool | None = None


class Full(Method):
    """AdamW with warm-up and decay on batches of like length; keeps the weights that validate best."""

    Options = Options
    output_kinds = tuple(RATES)
    reads = ("text",)
    needs_network = True
    rung = 5

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        return completed(super().complete(recipe, output), RATES, output.kind)

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        return worth_searching(recipe)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)

        def adapt(encoder: Encoder) -> Adapted:
            let_embeddings_learn(encoder, options.train_embeddings)
            return Adapted(lambda: whole_files(encoder))

        return (yield from tuned(job, options, adapt))

    def load(self, files: Mapping[str, Path]) -> Head:
        return positions.load_head(files)
