"""Train the last layer alone: softmax regression on features that are computed once."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.text import Text
from tuneworks.statistics import features, linear
from tuneworks.statistics.calibration import fit_temperature, softmax
from tuneworks.statistics.features import Block, Floats

ENOUGH_VALIDATION = 300
FOLDS = 5


@dataclass(frozen=True)
class Options:
    """Settings of ``head``.

    ``strengths``: inverse regularisation strengths to choose from on held-out rows. ``balanced``: weigh classes alike.
    """

    strengths: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
    balanced: bool = False


@dataclass(frozen=True)
class Fold:
    """Rows to fit on and rows to choose by."""

    fit_on: NDArray[np.int64]
    choose_on: NDArray[np.int64]


class Head(Method):
    """Chooses its strength and temperature on rows it was not fitted on, then refits on train and validation."""

    Options = Options
    output_kinds = ("classes", "token_classes")

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        blocks, targets, owners = _rows_of(job)
        folds = _folds(job, owners)
        total = len(folds) * len(options.strengths) + 1
        chosen: dict[float, list[tuple[Floats, NDArray[np.int64]]]] = {s: [] for s in options.strengths}
        done = 0
        for fold in folds:
            task, scales = linear.problem(
                features.take(blocks, fold.fit_on), targets[fold.fit_on], job.output.size, balanced=options.balanced
            )
            held_out = features.take(blocks, fold.choose_on)
            point: Floats | None = None
            for strength in options.strengths:
                point = linear.fit(task, strength, point)
                chosen[strength].append((linear.logits(held_out, linear.to_head(point, scales)), fold.choose_on))
                done += 1
                yield Step(done, total, Text("choosing the strength", "选择正则强度"), {"strength": strength})
        best, temperature, measured = _choose(job, chosen, targets, owners)
        task, scales = linear.problem(blocks, targets, job.output.size, balanced=options.balanced)
        head = linear.to_head(linear.fit(task, best), scales, temperature)
        values = {"strength": best, "temperature": temperature, "validation": measured}
        yield Step(total, total, Text("fitted", "拟合完成"), values)
        return {"head.safetensors": linear.save_head(head)}


def _rows_of(job: Job) -> tuple[list[Block], NDArray[np.int64], NDArray[np.int64]]:
    """Feature rows of train and validation under each other, their targets, and the example each belongs to."""
    blocks = features.stack(job.features(job.train), job.features(job.validation))
    parts = [*job.train.targets, *job.validation.targets]
    if job.output.per_unit:
        owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        targets = np.concatenate(parts).astype(np.int64)
    else:
        owners, targets = np.arange(len(parts)), np.asarray(parts, dtype=np.int64)
    known = targets >= 0
    return features.take(blocks, np.flatnonzero(known)), targets[known], owners[known]


def _folds(job: Job, owners: NDArray[np.int64]) -> list[Fold]:
    """The validation rows as the one held-out part, or five folds of everything where they are few."""
    in_train = owners < len(job.train)
    if len(job.validation) >= ENOUGH_VALIDATION:
        return [Fold(np.flatnonzero(in_train), np.flatnonzero(~in_train))]
    examples = len(job.train) + len(job.validation)
    fold_of = np.random.default_rng(job.recipe.seed).permutation(examples) % FOLDS
    return [
        Fold(np.flatnonzero(fold_of[owners] != number), np.flatnonzero(fold_of[owners] == number))
        for number in range(min(FOLDS, examples))
    ]


def _choose(
    job: Job,
    chosen: dict[float, list[tuple[Floats, NDArray[np.int64]]]],
    targets: NDArray[np.int64],
    owners: NDArray[np.int64],
) -> tuple[float, float, float]:
    """The strength with the best metric on held-out rows (a tie: the smaller log loss), its temperature and metric."""
    ranked = []
    for strength, parts in chosen.items():
        logits, rows = _joined(parts)
        temperature = fit_temperature(logits, targets[rows])
        probabilities = softmax(logits, temperature)
        loss = -float(np.log(probabilities[np.arange(len(rows)), targets[rows]] + 1e-12).mean())
        ranked.append((round(_measure(job, probabilities, rows, owners), 6), -loss, strength, temperature))
    measured, _, best, temperature = max(ranked)
    return best, temperature, measured


def _measure(job: Job, probabilities: Floats, rows: NDArray[np.int64], owners: NDArray[np.int64]) -> float:
    """The deciding metric on the examples that the held-out rows belong to."""
    held_out = np.unique(owners[rows])
    train = len(job.train)
    total = 0.0
    for examples, first in ((job.train, 0), (job.validation, train)):
        mine = held_out[(held_out >= first) & (held_out < first + len(examples))]
        if len(mine):
            inside = np.isin(owners[rows], mine)
            scores: Any = probabilities[inside]
            if job.output.per_unit:
                scores = features.split_units(scores, np.bincount(owners[rows][inside])[mine].tolist())
            total += job.measure(scores, examples.take((mine - first).tolist())) * len(mine)
    return total / len(held_out)


def _joined(parts: Sequence[tuple[Floats, NDArray[np.int64]]]) -> tuple[Floats, NDArray[np.int64]]:
    return np.concatenate([logits for logits, _ in parts]), np.concatenate([rows for _, rows in parts])
