"""Vectors that scale keys, values and inner states: the smallest adapter, a few thousand numbers beside the base."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.contracts import Head, Job, Method, Parts, Step
from tuneworks.core.spaces import Space
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.injected import layers_named, with_injected
from tuneworks.neural.options import TuningOptions, worth_searching
from tuneworks.neural.tuning import RATES, Adapted, completed, tuned
from tuneworks.statistics import positions

LEARNING_RATES = {kind: 20 * rate for kind, rate in RATES.items()}
SCALED = re.compile(r"(^|\.)(key|value|[kv]_(lin|proj))$")
READ_SCALED = re.compile(r"(^|\.)(?<!attention\.)(output\.dense|lin2|fc2|down_proj)$")


@dataclass(frozen=True)
class Options(TuningOptions):
    """Settings of ``ia3``: those of ``TuningOptions``; ``merge``: fold what is learnt into the base's weights."""

    merge: bool = False


class Ia3(Method):
    """Scales what attention keys and values give and what the last inner layer reads (Liu et al. 2022).

    An encoder without attention has what all of its linear layers give scaled.
    """

    Options = Options
    output_kinds = tuple(LEARNING_RATES)
    reads = ("text",)
    needs_network = True

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        return completed(super().complete(recipe, output), LEARNING_RATES, output.kind)

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        return worth_searching(recipe)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)

        def adapt(encoder: Encoder) -> Adapted:
            every = layers_named(encoder, ())
            given = [name for name in every if SCALED.search(name)]
            read = [name for name in every if given and READ_SCALED.search(name)]
            stated = {"peft_type": "IA3", "target_modules": [*(given or every), *read], "feedforward_modules": read}
            return with_injected(encoder, stated, merge=options.merge)

        return (yield from tuned(job, options, adapt))

    def load(self, files: Mapping[str, Path]) -> Head:
        return positions.load_head(files)
