"""Gradient-boosted trees (LightGBM) on the bases' features: strong on tables, quick without a GPU."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tuneworks.core.contracts import Head, Job, Method, Parts, Step
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.spaces import Between, Space
from tuneworks.core.text import Text
from tuneworks.core.types import Recipe
from tuneworks.neural.boosted import TreesHead, opened, scores_of, sums_of
from tuneworks.statistics import features
from tuneworks.statistics.calibration import fit_temperature
from tuneworks.statistics.features import Block
from tuneworks.statistics.folds import Fold, folds_for
from tuneworks.statistics.joining import joined
from tuneworks.statistics.shapes.shape import shape_of

TREES, SETTINGS = "trees.txt", "trees.json"
ROUNDS_A_STEP = 20
LEARNING_RATE = 0.05
CHOOSING = Text("choosing the size of the trees", "选择树的规模")
GROWING = Text("growing the trees", "生成树")
FIXED = {
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
    "feature_pre_filter": False,
    "bagging_freq": 1,
    "bagging_fraction": 0.8,
    "feature_fraction": 0.5,
    "lambda_l2": 1.0,
}
ROBUST = {"mae": "regression_l1"}


@dataclass(frozen=True)
class Options:
    """Settings of ``boosting``.

    ``leaves``: sizes of a tree to choose from on held-out rows, larger ones as long as they gain. ``rounds``: the most
    trees; fewer where ``patience`` further ones gain nothing there. ``smallest_leaf``: rows a leaf holds at least.
    """

    leaves: tuple[int, ...] = (4, 8, 24)
    rounds: int = 2000
    patience: int = 50
    smallest_leaf: int = 20

    def __post_init__(self) -> None:
        least = {"leaves": Range(least=2), "rounds": Range(least=1), "patience": Range(least=1)}
        check_values(self, {**least, "smallest_leaf": Range(least=1)}, "recipe.options.")


@dataclass(frozen=True, order=True)
class Trial:
    """What a size of tree came to on held-out rows; the greater is the better: by the metric, then by the loss."""

    measured: float
    likelihood: float
    leaves: int
    rounds: int = field(compare=False)
    temperature: float = field(compare=False)


class Boosting(Method):
    """Chooses the size of its trees and their number on rows they were not grown on, then grows them on all rows."""

    Options = Options
    output_kinds = ("classes", "number")
    rung = 2
    reads = ("number", "series", "category", "time")

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        rate = Between(0.01, 0.2, log=True)
        return {"recipe.learning_rate": rate, "recipe.options.smallest_leaf": Between(5, 60, log=True)}

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        rows = _rows_of(job)
        folds = folds_for(job)
        passes = len(folds) * len(options.leaves)
        total = (passes + 1) * options.rounds
        trials: list[Trial] = []
        for leaves in sorted(options.leaves):
            grown: list[_Grown] = []
            for number, fold in enumerate(folds):
                growth = _Growth(job, rows, options, leaves, fold)
                done = (len(trials) * len(folds) + number) * options.rounds
                for count, loss in growth.rounds():
                    yield Step(done + count, total, CHOOSING, {"validation_loss": loss})
                grown.append(growth.best)
            trials.append(_trial(job, rows, leaves, grown))
            if max(trials) is not trials[-1]:
                break
        best = max(trials)
        booster = _Growth(job, rows, options, best.leaves, None)
        for count in booster.grow(best.rounds):
            yield Step(passes * options.rounds + count, total, GROWING)
        values = {"leaves": best.leaves, "rounds": best.rounds, "validation": best.measured}
        yield Step(total, total, Text("fitted", "拟合完成"), values)
        settings = {"temperature": best.temperature}
        return {TREES: booster.text(), SETTINGS: json.dumps(settings).encode()}

    def load(self, files: Mapping[str, Path]) -> Head:
        booster = lightgbm.Booster(model_str=files[TREES].read_text(encoding="utf-8"))
        settings = json.loads(files[SETTINGS].read_text(encoding="utf-8"))
        return TreesHead(booster, compiled_sums=opened(files), **settings)


@dataclass(frozen=True)
class _Rows:
    """Train and validation under each other: features (N, D), targets, and which of them teach anything."""

    features: Block
    targets: NDArray[Any]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class _Grown:
    """The best trees of a fold: how many, their loss, and their sums on the rows to choose by."""

    rounds: int
    loss: float
    sums: NDArray[np.float64]
    rows: NDArray[np.int64]


class _Growth:
    """Trees on their way: one more a round, until further ones stop helping on the rows held out."""

    best: _Grown

    def __init__(self, job: Job, rows: _Rows, options: Options, leaves: int, fold: Fold | None) -> None:
        self._output, self._rows, self._options, self._fold = job.output, rows, options, fold
        chosen = np.flatnonzero(rows.known) if fold is None else fold.fit_on[rows.known[fold.fit_on]]
        settings = {**FIXED, **_objective(job), **_shape(options, leaves, len(chosen)), "seed": job.recipe.seed}
        settings["learning_rate"] = job.recipe.learning_rate or LEARNING_RATE
        self._settings = settings
        self._data = lightgbm.Dataset(rows.features[chosen], rows.targets[chosen], params=settings)
        self._booster = lightgbm.Booster(settings, self._data)
        self._held_out = self._held_out_data() if fold is not None else None

    def rounds(self) -> Iterator[tuple[int, float]]:
        """Grow while it helps: every few rounds their number and the held-out loss; then ``best`` is known."""
        assert self._fold is not None
        losses: list[float] = []
        while len(losses) < self._options.rounds:
            done = self._booster.update()
            losses.append(self._loss())
            if len(losses) % ROUNDS_A_STEP == 0:
                yield len(losses), losses[-1]
            if done or len(losses) - int(np.argmin(losses)) > self._options.patience:
                break
        count = int(np.argmin(losses)) + 1
        rows = self._fold.choose_on
        sums = sums_of(self._booster, self._rows.features[rows], self._output, count)
        self.best = _Grown(count, losses[count - 1], sums, rows)

    def grow(self, rounds: int) -> Iterator[int]:
        """Grow so many trees; every few rounds their number."""
        for count in range(1, rounds + 1):
            if self._booster.update():
                return
            if count % ROUNDS_A_STEP == 0:
                yield count

    def text(self) -> bytes:
        """The trees in LightGBM's own text form."""
        written: str = self._booster.model_to_string(num_iteration=-1)
        return written.encode()

    def _held_out_data(self) -> bool:
        """Hand the trees the rows to choose by; whether any of them has a truth to be measured by."""
        assert self._fold is not None
        chosen = self._fold.choose_on[self._rows.known[self._fold.choose_on]]
        if len(chosen):
            held_out = self._data.create_valid(
                self._rows.features[chosen], self._rows.targets[chosen], params=self._settings
            )
            self._booster.add_valid(held_out, "held out")
        return len(chosen) > 0

    def _loss(self) -> float:
        return float(self._booster.eval_valid()[0][2]) if self._held_out else 0.0


def _rows_of(job: Job) -> _Rows:
    blocks = features.stack(job.features(job.train), job.features(job.validation))
    targets = np.concatenate([np.asarray(job.train.targets), np.asarray(job.validation.targets)])
    return _Rows(features.beside(blocks), targets, shape_of(job.output.kind).known(targets))


def _objective(job: Job) -> dict[str, Any]:
    if job.output.kind == "number":
        return {"objective": ROBUST.get(job.spec.metric or "", "regression")}
    if job.output.size == 2:
        return {"objective": "binary"}
    return {"objective": "multiclass", "num_class": job.output.size}


def _shape(options: Options, leaves: int, rows: int) -> dict[str, Any]:
    """Leaves and their least size, smaller where there are few rows."""
    return {"num_leaves": leaves, "min_data_in_leaf": max(1, min(options.smallest_leaf, rows // 20))}


def _trial(job: Job, rows: _Rows, leaves: int, grown: Sequence[_Grown]) -> Trial:
    """How well a size of tree does on the rows held out in the folds, taken together in row order."""
    held_out = np.concatenate([part.rows for part in grown])
    order = np.argsort(held_out)
    held_out, sums = held_out[order], np.concatenate([part.sums for part in grown])[order]
    truth = rows.targets[held_out]
    temperature = fit_temperature(sums, truth) if job.output.kind == "classes" else 1.0
    examples = joined(job.train, job.validation).take(held_out.tolist())
    measured = job.measure(scores_of(sums, job.output, temperature), examples)
    likelihood = -float(np.average([part.loss for part in grown], weights=[len(part.rows) for part in grown]))
    rounds = max(1, round(float(np.mean([part.rounds for part in grown]))))
    return Trial(round(measured, 6), likelihood, leaves, rounds, temperature)
