"""How far the current rows have moved from the reference: of one distribution, and of whole feature vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray
from scipy.sparse import issparse, vstack
from sklearn.metrics.pairwise import euclidean_distances

MOST_ROWS = 500
PERMUTATIONS = 999


@dataclass(frozen=True)
class Shift:
    """A distance between two samples, and how often chance alone gives one as large."""

    distance: float
    p_value: float


def population_stability_index(reference: Sequence[float] | ndarray, current: Sequence[float] | ndarray) -> float:
    """PSI of two counts over the same bins; below 0.1 is steady, above 0.25 a large shift (Siddiqi 2006).

    Half a count is added to every bin, so that an empty bin is finite.
    """
    p, q = _shares(reference, 0.5), _shares(current, 0.5)
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(reference: Sequence[float] | ndarray, current: Sequence[float] | ndarray) -> float:
    """The Jensen-Shannon distance of two counts over the same bins: 0 equal, 1 apart (Lin 1991; base 2, root)."""
    p, q = _shares(reference, 0.0), _shares(current, 0.0)
    middle = (p + q) / 2
    return float(np.sqrt(max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2)))


def energy_distance(reference: Any, current: Any, *, permutations: int = PERMUTATIONS, seed: int = 0) -> Shift:
    """The energy distance of two samples of feature vectors (Szekely and Rizzo 2013), with its permutation p-value.

    Samples are (N, D), dense or CSR; of more than 500 rows, 500 are drawn. The p-value counts the sample itself, so
    identical samples give 1 and the smallest is 1 / (permutations + 1).
    """
    generator = np.random.default_rng(seed)
    first, second = _at_most(reference, generator), _at_most(current, generator)
    both = vstack([first, second]).tocsr() if issparse(first) else np.concatenate([first, second])
    distances = euclidean_distances(both).astype(np.float64)
    sides = np.zeros((permutations + 1, both.shape[0]), dtype=np.float64)
    sides[:, : first.shape[0]] = 1
    sides[1:] = generator.permuted(sides[1:], axis=1)
    measured = _energy(distances, sides)
    slack = 1e-9 * max(1.0, float(distances.mean()))
    return Shift(max(0.0, float(measured[0])), float(np.mean(measured >= measured[0] - slack)))


def _energy(distances: ndarray, sides: ndarray) -> ndarray:
    """Twice the mean distance across minus the mean distances within, for each division into sides (P, N) of 0 or 1."""
    own = sides.sum(axis=1)
    other = sides.shape[1] - own
    reach = sides @ distances
    within = np.einsum("pn,pn->p", reach, sides)
    across = reach.sum(axis=1) - within
    outside = distances.sum() - within - 2 * across
    return 2 * across / (own * other) - within / own**2 - outside / other**2


def _at_most(sample: Any, generator: np.random.Generator) -> Any:
    if sample.shape[0] <= MOST_ROWS:
        return sample
    return sample[np.sort(generator.choice(sample.shape[0], MOST_ROWS, replace=False))]


def _shares(counts: Sequence[float] | ndarray, added: float) -> ndarray:
    smoothed = np.asarray(counts, dtype=np.float64) + added
    return smoothed / smoothed.sum()


def _divergence(p: ndarray, q: ndarray) -> float:
    held = p > 0
    return float(np.sum(p[held] * np.log2(p[held] / q[held])))
