"""Train the whole network to write the true texts, token by token from the true ones before."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.ranges import OneOf, Range, check_values
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.batches import Batch, batches_of
from tuneworks.neural.loop import Schedule, Training, Ways
from tuneworks.neural.pieces import Piece
from tuneworks.neural.training_state import work_of
from tuneworks.neural.writer import WEIGHTS_FILE, Writer, weights_of
from tuneworks.neural.writing import WritingHead, must_know, one_writer

EPOCHS = 3
LEARNING_RATE = 3e-4
ROWS_A_BATCH = 8
ALLOWED: dict[str, Range | OneOf] = {
    "weight_decay": Range(least=0),
    "warm_up": Range(least=0, most=1),
    "clip": Range(above=0),
    "patience": Range(least=1),
    "minimum_delta": Range(least=0),
}


@dataclass(frozen=True)
class Options:
    """Settings of ``supervised-fine-tuning``.

    ``warm_up``: share of steps the learning rate rises. ``clip``: largest gradient norm. ``patience``,
    ``minimum_delta``: early stopping on the mean probability of the validation texts' tokens. ``train_embeddings``:
    whether word embeddings are tuned.
    """

    weight_decay: float = 0.01
    warm_up: float = 0.1
    clip: float = 1.0
    patience: int = 2
    minimum_delta: float = 0.0
    train_embeddings: bool = False

    def __post_init__(self) -> None:
        check_values(self, ALLOWED, "recipe.options.")


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
        train, validation = _Side(writer, job, job.train), _Side(writer, job, job.validation)
        training = Training(
            writer,
            train.pieces,
            train.loss,
            measure=validation.probability,
            schedule=_schedule(job, options, train.pieces),
            ways=Ways(work=work_of(job, train.pieces), resumed=job.resumed),
        )
        yield from training.steps()
        prefix = f"{use.folder}/" if use.folder else ""
        return {f"{prefix}{WEIGHTS_FILE}": save(weights_of(writer), metadata={"format": "pt"})}

    def load(self, files: Mapping[str, Path]) -> WritingHead:
        return WritingHead()


class _Side:
    """One split as prompts and the tokens they should be answered with; ``pieces``: both together, for batching."""

    def __init__(self, writer: Writer, job: Job, examples: Examples) -> None:
        self._writer = writer
        values = next(iter(examples.inputs.values()))
        self._prompts = [writer.prompts(value) for value in values]
        self._targets = [writer.target(text)[: job.output.size] for text in examples.targets]
        both = zip(self._prompts, self._targets, strict=True)
        self.pieces = [Piece(number, prompt + target) for number, (prompt, target) in enumerate(both)]
        self._tokens = job.recipe.batch_tokens or _tokens(self.pieces)

    def loss(self, batch: Batch) -> Tensor:
        return self._writer.loss(*self._of(batch.examples))

    def probability(self) -> float:
        """The geometric mean probability of the true texts' tokens."""
        summed, count = 0.0, 0
        for batch in batches_of(self.pieces, self._tokens):
            prompts, targets = self._of(batch.examples)
            tokens = sum(map(len, targets))
            summed += float(self._writer.loss(prompts, targets)) * tokens
            count += tokens
        return exp(-summed / max(1, count))

    def _of(self, examples: Sequence[int]) -> tuple[list[list[int]], list[list[int]]]:
        return [self._prompts[i] for i in examples], [self._targets[i] for i in examples]


def _tokens(pieces: Sequence[Piece]) -> int:
    return max(1, round(ROWS_A_BATCH * float(np.mean([len(piece.ids) for piece in pieces]))))


def _schedule(job: Job, options: Options, pieces: Sequence[Piece]) -> Schedule:
    recipe = job.recipe
    rate = recipe.learning_rate or LEARNING_RATE
    return Schedule(
        epochs=recipe.epochs or EPOCHS,
        batch_tokens=recipe.batch_tokens or _tokens(pieces),
        learning_rate=rate,
        head_learning_rate=rate,
        weight_decay=options.weight_decay,
        warm_up=options.warm_up,
        clip=options.clip,
        patience=options.patience,
        minimum_delta=options.minimum_delta,
        seed=recipe.seed,
    )
