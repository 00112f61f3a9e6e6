"""Go on with a writer's pretraining on texts without labels: foresee each token from those before it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tuneworks.core import contracts
from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Method, Model, Parts, Step
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.teacher_forcing import EPOCHS, Side, WriterOptions, taught
from tuneworks.neural.writer import Writer
from tuneworks.neural.writing import must_know, one_writer, prompts_of

LEARNING_RATE = 1e-4


@dataclass(frozen=True)
class Options(WriterOptions):
    """Settings of ``causal-language-modelling``.

    ``warm_up``: share of steps the learning rate rises. ``clip``: largest gradient norm. ``patience``,
    ``minimum_delta``: early stopping on the task's metric. ``train_embeddings``: whether word embeddings are tuned.
    """


class CausalLanguageModelling(Method):
    """Teacher forcing on the texts themselves, each after the token that ends texts; keeps what validates best."""

    Options = Options
    output_kinds = ("likelihood",)
    reads = ("text",)
    needs_writer = True

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        made = super().complete(recipe, output)
        return replace(made, epochs=recipe.epochs or EPOCHS, learning_rate=recipe.learning_rate or LEARNING_RATE)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        use, base = one_writer(job.bases)
        torch.manual_seed(job.recipe.seed)
        writer: Writer = base.writer()
        texts, held_out = (list(next(iter(one.inputs.values()))) for one in (job.train, job.validation))
        must_know(writer, replace(job.train, targets=texts))
        writer.model.get_input_embeddings().weight.requires_grad = options.train_embeddings
        chunks = [chunk for text in texts for chunk in _chunks(writer, text)]
        train = Side(writer, [_before(writer)] * len(chunks), chunks)
        recipe = replace(job.recipe, learning_rate=job.recipe.learning_rate or LEARNING_RATE)

        def measure() -> float:
            return job.measure(_scores(writer, held_out), job.validation)

        return (yield from taught(replace(job, recipe=recipe), options, use, writer, train, measure))

    def load(self, files: Mapping[str, Path]) -> contracts.Head:
        return ForeseeingHead()


class ForeseeingHead(contracts.Head):
    """How much each token of a text surprises; the network is the base's own, opened once."""

    def __init__(self) -> None:
        self._writer: Writer | None = None

    def scores(self, model: Model, examples: Examples) -> Any:
        if self._writer is None:
            self._writer = one_writer(model.bases)[1].writer()
        with torch.inference_mode():
            return _scores(self._writer, prompts_of(model, examples))


def _scores(writer: Writer, texts: Sequence[str]) -> Any:
    """Score arrays (N, 2), one text at a time: an answer is the same alone and among others."""
    made = np.zeros((len(texts), 2))
    for row, text in enumerate(texts):
        for chunk in _chunks(writer, text):
            made[row] += float(writer.loss([_before(writer)], [chunk])) * len(chunk), len(chunk)
    return made


def _chunks(writer: Writer, text: str) -> list[list[int]]:
    """The whole of a text and its end, in chunks of the writer's maximum length."""
    ids, most = writer.target(text), writer.settings.max_length
    return [ids[begin : begin + most] for begin in range(0, len(ids), most)]


def _before(writer: Writer) -> list[int]:
    """What stands before a text: the end of another, as in pretraining."""
    return [writer.ends[0]]
