"""The head that points at a stretch: sums for each unit as the first and as the last, beside those for no answer.

Arrays: ``weight_0``, ... (D, 2), one a base, and ``bias`` (2,) on units; as many more weights on the wholes, which give
row 0 (no answer; a sum of 0 where there are no more).
The scores of one example (L + 1, 2) are probabilities over its rows, for the first and for the last unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Head, Model
from tuneworks.statistics import chains, linear
from tuneworks.statistics.features import Floats, split_units
from tuneworks.statistics.views import blocks_of, pooled_of

LINK = "positions"


@dataclass(frozen=True)
class PositionsHead(Head):
    """Two sums a unit and two for no answer, made probabilities within each example."""

    arrays: Mapping[str, Floats]

    def scores(self, model: Model, examples: Examples) -> Any:
        blocks = blocks_of(model.bases, model.spec, model.output, examples)
        lengths = [len(spans) for spans in examples.units or ()]
        sums = linear.logits(blocks, self.arrays)
        if f"weight_{len(blocks)}" not in self.arrays:
            return scores_of(*with_none(sums, lengths))
        wholes = pooled_of(model.bases, model.spec, model.output, examples)
        none = sum(whole @ self.arrays[f"weight_{number}"] for number, whole in enumerate(wholes, start=len(blocks)))
        return scores_of(*with_none(sums, lengths, none))


def with_none(sums: Any, lengths: Sequence[int], none: Any = 0.0) -> tuple[Floats, list[int]]:
    """Sums of units (sum of L, 2) with a row for no answer before each example's, and the number of rows of each."""
    wider = [1 + length for length in lengths]
    begins = np.cumsum([0, *wider])[:-1]
    made = np.empty((sum(wider), 2), np.float32)
    others = np.ones(len(made), bool)
    others[begins] = False
    made[begins], made[others] = none, sums
    return made, wider


def marked(targets: Any, lengths: Sequence[int]) -> Floats:
    """Targets (N, 2) unit by unit (sum of L, 3): whether it is the first, the last, and its example's number.

    What is not known is not a number.
    """
    made = np.zeros((sum(lengths), 3), np.float32)
    made[:, 2] = np.repeat(np.arange(len(lengths)), lengths)
    begins = np.cumsum([0, *lengths])[:-1]
    for begin, length, ends in zip(begins, lengths, np.asarray(targets), strict=True):
        for side, unit in enumerate(ends):
            if unit < 0:
                made[begin : begin + length, side] = np.nan
            elif unit > 0:
                made[begin + unit - 1, side] = 1.0
    return made


def load_head(files: Mapping[str, Path]) -> Head:
    """The head among a model's files: linear, or what its link says."""
    found = linear.load_head(files)
    made: Callable[[Mapping[str, Floats]], Head] | None = {LINK: PositionsHead, chains.LINK: chains.ChainHead}.get(
        found.link
    )
    return made(found.arrays) if made else found


def plain_head(files: Mapping[str, Path]) -> Head | None:
    """The head among a model's files that says itself how it is read, so that no method need be imported; or none."""
    return load_head(files) if linear.FILE in files and linear.link_in(files[linear.FILE]) else None


def scores_of(sums: Any, lengths: Sequence[int]) -> list[Any]:
    """Probabilities (L + 1, 2) of each example, from the sums (sum of L + 1, 2) of all."""
    return [softmax(part.astype(np.float64), axis=0) for part in split_units(np.asarray(sums), lengths)]


def fit_temperature(sums: Any, targets: Any, lengths: Sequence[int]) -> float:
    """The temperature, 0.05 to 20, that makes the true rows (N, 2) likeliest; -1 teaches nothing.

    The true row counts (n + 1) / (n + 2) of n examples, the others share the rest, as in ``calibration``.
    """
    parts = [np.asarray(part, np.float64) for part in split_units(np.asarray(sums), lengths)]
    known = [
        (part[:, side], target[side])
        for part, target in zip(parts, np.asarray(targets), strict=True)
        for side in range(2)
        if target[side] >= 0 and len(part) > 1
    ]
    if not known:
        return 1.0

    def loss(log: float) -> float:
        return -float(np.mean([_likelihood(column / np.exp(log), true, len(known)) for column, true in known]))

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def _likelihood(sums: Any, true: int, count: int) -> float:
    logs = log_softmax(sums)
    others = (logs.sum() - logs[true]) / (len(logs) - 1)
    return float(((count + 1) * logs[true] + others) / (count + 2))
