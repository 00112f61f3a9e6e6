"""Texts foreseen token by token from the true ones before: what every method that tunes a writer does."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from safetensors.torch import save
from torch import Tensor

from tuneworks.core.contracts import Job, Parts, Step
from tuneworks.core.ranges import OneOf, Range, check_values
from tuneworks.core.types import BaseUse
from tuneworks.neural.batches import Batch, batches_of
from tuneworks.neural.loop import Schedule, Training, Ways
from tuneworks.neural.pieces import Piece
from tuneworks.neural.training_state import work_of
from tuneworks.neural.writer import WEIGHTS_FILE, Writer, weights_of

EPOCHS = 3
ROWS_A_BATCH = 8
ALLOWED: dict[str, Range | OneOf] = {
    "weight_decay": Range(least=0),
    "warm_up": Range(least=0, most=1),
    "clip": Range(above=0),
    "patience": Range(least=1),
    "minimum_delta": Range(least=0),
}


@dataclass(frozen=True)
class WriterOptions:
    """Settings of every method that tunes a whole writer."""

    weight_decay: float = 0.01
    warm_up: float = 0.1
    clip: float = 1.0
    patience: int = 2
    minimum_delta: float = 0.0
    train_embeddings: bool = False

    def __post_init__(self) -> None:
        check_values(self, ALLOWED, "recipe.options.")


class Side:
    """One split as prompts and the tokens they should be answered with; ``pieces``: both together, for batching."""

    def __init__(self, writer: Writer, prompts: Sequence[list[int]], targets: Sequence[list[int]]) -> None:
        self._writer, self._prompts, self._targets = writer, prompts, targets
        both = zip(prompts, targets, strict=True)
        self.pieces = [Piece(number, prompt + target) for number, (prompt, target) in enumerate(both)]

    @property
    def batch_tokens(self) -> int:
        """About so many rows' worth of tokens as a batch has unless more is asked for."""
        return max(1, round(ROWS_A_BATCH * float(np.mean([len(piece.ids) for piece in self.pieces]))))

    def loss(self, batch: Batch) -> Tensor:
        return self._writer.loss(*self._of(batch.examples))

    def probability(self, batch_tokens: int | None) -> float:
        """The geometric mean probability of the true texts' tokens."""
        summed, count = 0.0, 0
        for batch in batches_of(self.pieces, batch_tokens or self.batch_tokens):
            prompts, targets = self._of(batch.examples)
            tokens = sum(map(len, targets))
            summed += float(self._writer.loss(prompts, targets)) * tokens
            count += tokens
        return exp(-summed / max(1, count))

    def _of(self, examples: Sequence[int]) -> tuple[list[list[int]], list[list[int]]]:
        return [self._prompts[i] for i in examples], [self._targets[i] for i in examples]


def taught(
    job: Job, options: WriterOptions, use: BaseUse, writer: Writer, train: Side, measure: Callable[[], float]
) -> Generator[Step, None, Parts]:
    """Train the whole writer; returns its weights as the base's file."""
    training = Training(
        writer,
        train.pieces,
        train.loss,
        measure=measure,
        schedule=_schedule(job, options, train),
        ways=Ways(work=work_of(job, train.pieces), resumed=job.resumed),
    )
    yield from training.steps()
    prefix = f"{use.folder}/" if use.folder else ""
    return {f"{prefix}{WEIGHTS_FILE}": save(weights_of(writer), metadata={"format": "pt"})}


def _schedule(job: Job, options: WriterOptions, train: Side) -> Schedule:
    recipe = job.recipe
    assert recipe.learning_rate is not None, "a complete recipe has one"
    return Schedule(
        epochs=recipe.epochs or EPOCHS,
        batch_tokens=recipe.batch_tokens or train.batch_tokens,
        learning_rate=recipe.learning_rate,
        head_learning_rate=recipe.learning_rate,
        weight_decay=options.weight_decay,
        warm_up=options.warm_up,
        clip=options.clip,
        patience=options.patience,
        minimum_delta=options.minimum_delta,
        seed=recipe.seed,
    )
