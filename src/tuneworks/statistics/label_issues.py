"""Labels that look wrong, by confident learning (Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating
Uncertainty in Dataset Labels").

Each row is answered by a model that has not seen it. A class is claimed for a row where its probability reaches what
rows of that class get on average; a row whose strongest claim is another label than its own is suspected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from tuneworks.core.asking import Row
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text
from tuneworks.core.types import Output, Recipe, TaskSpec
from tuneworks.statistics import features, linear
from tuneworks.statistics.features import Block, Floats
from tuneworks.statistics.folds import Fold, folds_of, random_folds

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True)
class Suspicion:
    """What was found: for each row the class it seems to be of (its own where nothing speaks against it)."""

    probabilities: Floats
    targets: NDArray[np.int64]
    seems: NDArray[np.int64]

    @property
    def rows(self) -> NDArray[np.int64]:
        """The suspected rows, the most suspicious first."""
        found = np.flatnonzero(self.seems != self.targets)
        return found[np.argsort(-self.margin[found], kind="stable")]

    @property
    def margin(self) -> Floats:
        """By how much the class a row seems to be of is more probable than its label."""
        each = np.arange(len(self.targets))
        return self.probabilities[each, self.seems] - self.probabilities[each, self.targets]

    @property
    def weights(self) -> Floats:
        """How much each row should count: all of it, or the share by which its label is still believed."""
        each = np.arange(len(self.targets))
        own = self.probabilities[each, self.targets]
        return np.where(self.seems == self.targets, 1.0, own / (own + self.probabilities[each, self.seems])).astype(
            np.float32
        )


def suspicion(probabilities: Floats, targets: NDArray[np.int64]) -> Suspicion:
    """Which labels look wrong, from the probabilities (M, C) of a model that has not seen the rows it answers."""
    size = probabilities.shape[1]
    counts = np.bincount(targets, minlength=size)
    own = probabilities[np.arange(len(targets)), targets]
    usual = np.where(counts > 0, np.bincount(targets, own, size) / np.maximum(counts, 1), np.inf)
    claims = np.where(probabilities >= usual, probabilities, -1.0)
    seems = claims.argmax(axis=1)
    return Suspicion(probabilities, targets, np.where(claims.max(axis=1) >= 0, seems, targets))


def out_of_fold(
    blocks: Sequence[Block],
    targets: NDArray[np.int64],
    size: int,
    *,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
    folds: Sequence[Fold] | None = None,
) -> Floats:
    """Probabilities (M, C) of each row by a linear head fitted on others: ``folds`` say which, else chance does.

    Of rising ``strengths`` it has the first that the next does not better.
    """
    asked = [_Asked(blocks, targets, size, fold) for fold in folds or random_folds(len(targets), seed)]
    best, least = np.empty((0, size), np.float32), np.inf
    for strength in strengths:
        sums = np.zeros((len(targets), size), np.float32)
        for one in asked:
            sums[one.rows] = one.answered(strength)
        loss = -float(log_softmax(sums, axis=1)[np.arange(len(targets)), targets].mean())
        if loss >= least:
            break
        best, least = softmax(sums, axis=1), loss
    return best


def believed_rows(
    output: Output,
    blocks: Sequence[Block],
    targets: NDArray[np.int64],
    recipe: Recipe,
    rows: Sequence[Row],
    spec: TaskSpec,
) -> Floats:
    """How much each row should count (M,), see ``believed``; raises ``InvalidConfig`` where a row has not one label."""
    if output.kind != "classes":
        raise InvalidConfig(
            Text(
                "label_noise doubts the one label of a row; this task's answers are of another kind.",
                "label_noise 用于怀疑每行唯一的标签，而此任务的答案不是单个标签。",
            ),
            Text("Leave recipe.options.label_noise out.", "请去掉 recipe.options.label_noise。"),
        )
    return believed(blocks, targets, output.size, seed=recipe.seed, rows=rows, spec=spec)


def believed(
    blocks: Sequence[Block],
    targets: NDArray[np.int64],
    size: int,
    *,
    seed: int = 0,
    rows: Sequence[Row] = (),
    spec: TaskSpec | None = None,
) -> Floats:
    """How much each row should count (M,), see ``Suspicion.weights``; a row of no class (-1) counts as any other.

    With ``rows`` and their ``spec``, those that its split keeps together are held out together.
    """
    weights = np.ones(len(targets), np.float32)
    known = np.flatnonzero(targets >= 0)
    held = features.take(blocks, known)
    folds = folds_of([rows[i] for i in known.tolist()], spec, seed) if spec else None
    answered = out_of_fold(held, targets[known], size, seed=seed, folds=folds)
    weights[known] = suspicion(answered, targets[known]).weights
    return weights


class _Asked:
    """The rows of one fold, answered by heads of rising strength that are fitted on others."""

    def __init__(self, blocks: Sequence[Block], targets: NDArray[np.int64], size: int, fold: Fold) -> None:
        self.rows, self._held_out = fold.choose_on, features.take(blocks, fold.choose_on)
        self._task, self._scales = linear.problem(features.take(blocks, fold.fit_on), targets[fold.fit_on], size)
        self._point: Floats | None = None

    def answered(self, strength: float) -> Floats:
        self._point = linear.fit(self._task, strength, self._point)
        head = linear.to_head(replace(self._task, blocks=()), self._point, self._scales)
        return linear.logits(self._held_out, head)
