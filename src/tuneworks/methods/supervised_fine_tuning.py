"""Train the whole network to write the true texts, token by token from the true ones before."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.teacher_forcing import EPOCHS, Side, WriterOptions, taught
from tuneworks.neural.writer import Writer
from tuneworks.neural.writing import WritingHead, must_know, one_writer

LEARNING_RATE = 3e-4


@dataclass(frozen=True)
class Options(WriterOptions):
    """Settings of ``supervised-fine-tuning``.

    ``warm_up``: share of steps the learning rate rises. ``clip``: largest gradient norm. ``patience``,
    ``minimum_delta``: early stopping on the mean probability of the validation texts' tokens. ``train_embeddings``:
    whether word embeddings are tuned.
    """


class SupervisedFineTuning(Method):
    """Teacher forcing with AdamW on batches of like length; keeps the weights that validate best.

    What validates is the geometric mean probability of the validation texts' tokens: writing them all after every
    epoch would cost more than learning.
    """

    Options = Options
    output_kinds = ("text",)
    needs_writer = True
    rung = 5

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        made = super().complete(recipe, output)
        return replace(made, epochs=recipe.epochs or EPOCHS, learning_rate=recipe.learning_rate or LEARNING_RATE)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        use, base = one_writer(job.bases)
        torch.manual_seed(job.recipe.seed)
        writer: Writer = base.writer()
        must_know(writer, job.train)
        writer.model.get_input_embeddings().weight.requires_grad = options.train_embeddings
        train, validation = (_side(writer, job, examples) for examples in (job.train, job.validation))
        recipe = replace(job.recipe, learning_rate=job.recipe.learning_rate or LEARNING_RATE)

        def measure() -> float:
            return validation.probability(recipe.batch_tokens)

        return (yield from taught(replace(job, recipe=recipe), options, use, writer, train, measure))

    def load(self, files: Mapping[str, Path]) -> WritingHead:
        return WritingHead()


def _side(writer: Writer, job: Job, examples: Examples) -> Side:
    values = next(iter(examples.inputs.values()))
    targets = [writer.target(text)[: job.output.size] for text in examples.targets]
    return Side(writer, [writer.prompts(value) for value in values], targets)
