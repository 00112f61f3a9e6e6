"""The loss of every row by its link, and the gradient by the sums: what linear heads minimise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax

Numbers = NDArray[Any]


def _cross_entropy(sums: Numbers, targets: Numbers) -> tuple[Numbers, Numbers]:
    """Targets are class numbers (M,), or how probable each class is (M, C)."""
    if targets.ndim == 2:
        logs = log_softmax(sums, axis=1)
        return -(targets * logs).sum(axis=1), np.exp(logs) - targets
    rows = np.arange(len(targets))
    shifted = sums - sums.max(axis=1, keepdims=True)
    picked = shifted[rows, targets]
    error = np.exp(shifted, out=shifted)
    total = error.sum(axis=1)
    error /= total[:, None]
    error[rows, targets] -= 1.0
    return np.log(total) - picked, error


def _binary_cross_entropy(sums: Numbers, targets: Numbers) -> tuple[Numbers, Numbers]:
    return (np.logaddexp(0, sums) - targets * sums).sum(axis=1), expit(sums) - targets


def _half_square(sums: Numbers, targets: Numbers) -> tuple[Numbers, Numbers]:
    error = sums - targets
    return 0.5 * (error**2).sum(axis=1), error


def _cross_entropy_of_positions(sums: Numbers, targets: Numbers) -> tuple[Numbers, Numbers]:
    """An example's loss stands at its first unit; no answer has a sum of 0.

    ``targets`` (M, 3): whether a unit is the first, the last of the answer, and the number of its example.
    """
    flags, owners = targets[:, :2], targets[:, 2]
    begins = np.flatnonzero(np.append(True, owners[1:] != owners[:-1]))
    lengths = np.diff(np.append(begins, len(sums)))
    top = np.maximum(np.maximum.reduceat(sums, begins), 0)
    each = np.exp(sums - np.repeat(top, lengths, axis=0))
    total = np.add.reduceat(each, begins) + np.exp(-top)
    losses = np.zeros(len(sums))
    losses[begins] = (top + np.log(total) - np.add.reduceat(sums * flags, begins)).sum(axis=1)
    return losses, (each / np.repeat(total, lengths, axis=0) - flags).astype(np.float32)


LOSSES = {
    "softmax": _cross_entropy,
    "sigmoid": _binary_cross_entropy,
    "identity": _half_square,
    "positions": _cross_entropy_of_positions,
}
"""By link: the loss of every row (M,), and its gradient by the sums (M, C)."""
