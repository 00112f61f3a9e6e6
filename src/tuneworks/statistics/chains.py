"""Tags that depend on their neighbours: a linear-chain conditional random field (Lafferty, McCallum and Pereira 2001).

Arrays of its head: those of the linear head, ``transitions`` (C, C) from a unit's tag to the next one's, and
``temperature`` (1,). The scores of a unit are its tags' probabilities given all of its example's units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Head, Model
from tuneworks.statistics import linear
from tuneworks.statistics.features import Floats, split_units
from tuneworks.statistics.views import blocks_of

LINK = "chain"
FURTHEST = 6.0  # what a transition never seen in training begins at, below one that is as common as chance


@dataclass(frozen=True)
class ChainHead(Head):
    """A linear layer on the units' features whose sums are read together, along each example."""

    arrays: Mapping[str, Floats]

    def scores(self, model: Model, examples: Examples) -> Any:
        sums = linear.logits(blocks_of(model.bases, model.spec, model.output, examples), self.arrays)
        lengths = [len(spans) for spans in examples.units or ()]
        logs = log_marginals(sums, self.arrays["transitions"], lengths)
        return split_units(softmax(logs / self.arrays["temperature"], axis=1), lengths)


def log_marginals(sums: Any, transitions: Any, lengths: Sequence[int]) -> Floats:
    """The logarithm of each unit's tags' probabilities (sum of L, C) given all sums of its example."""
    made = np.zeros((len(sums), transitions.shape[0]), np.float64)
    forwards = _gathered(np.asarray(sums, np.float64), np.asarray(transitions, np.float64), lengths, made.copy())
    order = _reversed(lengths)
    back = _gathered(np.asarray(sums, np.float64)[order], np.asarray(transitions, np.float64).T, lengths, made)
    backwards = np.empty_like(back)
    backwards[order] = back
    logs = forwards + backwards - sums
    return np.asarray(logs - logsumexp(logs, axis=1, keepdims=True), np.float32)


def usual_transitions(targets: NDArray[np.int64], lengths: Sequence[int], size: int) -> Floats:
    """How much more often each tag follows each other one than chance would have it, as a logarithm (C, C)."""
    follows = np.ones(len(targets), bool)
    follows[np.cumsum([0, *lengths])[:-1][np.asarray(lengths) > 0]] = False
    after = np.flatnonzero(follows)
    after = after[(targets[after] >= 0) & (targets[after - 1] >= 0)]
    counts = np.zeros((size, size))
    np.add.at(counts, (targets[after - 1], targets[after]), 1.0)
    chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / max(1.0, counts.sum())
    return np.clip(np.log((counts + 0.01) / (chance + 0.01)), -FURTHEST, FURTHEST).astype(np.float32)


def _gathered(sums: Any, transitions: Any, lengths: Sequence[int], made: Any) -> Any:
    """For every unit and tag, the logarithm of what all paths to it come to, its own sum included."""
    begins = np.cumsum([0, *lengths])[:-1]
    for step in range(max(lengths, default=0)):
        at = begins[np.asarray(lengths) > step] + step
        reached = logsumexp(made[at - 1][:, :, None] + transitions, axis=1) if step else 0.0
        made[at] = reached + sums[at]
    return made


def _reversed(lengths: Sequence[int]) -> NDArray[np.int64]:
    """The numbers of all units, each example's from its last to its first."""
    ends = np.cumsum(lengths)
    begins = ends - lengths
    return np.repeat(begins + ends - 1, lengths) - np.arange(int(ends[-1]) if len(ends) else 0)
