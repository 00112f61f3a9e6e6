"""Losses by the link that makes scores of a head's sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

NEVER = -1e9


@dataclass(frozen=True)
class Truth:
    """What a batch's sums are held against; ``lengths``: rows of sums of each example; ``weights`` (C,) by class."""

    targets: Tensor
    lengths: Sequence[int]
    weights: Tensor | None = None


def cross_entropy(sums: Tensor, truth: Truth) -> Tensor:
    """Mean cross-entropy of sums (M, C) against class numbers (M,); -1 is left out.

    Nothing to learn from (no row, or all -1) is no loss.
    """
    if not (truth.targets >= 0).any():
        return sums.sum() * 0.0
    return functional.cross_entropy(sums, truth.targets, weight=truth.weights, ignore_index=-1)


def binary_cross_entropy(sums: Tensor, truth: Truth) -> Tensor:
    """Mean cross-entropy of sums (M, C), each against a number from 0 to 1; what is not a number is left out.

    ``weights`` multiply the loss of what holds.
    """
    targets = truth.targets.reshape(sums.shape)
    known = torch.isfinite(targets)
    each = functional.binary_cross_entropy_with_logits(
        sums, targets.nan_to_num(), pos_weight=truth.weights, reduction="none"
    )
    return _mean(each, known)


def half_square(sums: Tensor, truth: Truth) -> Tensor:
    """Half the mean square of what sums (M, C) miss their targets by; what is not a number is left out."""
    targets = truth.targets.reshape(sums.shape)
    return _mean(0.5 * (sums - targets.nan_to_num()) ** 2, torch.isfinite(targets))


def cross_entropy_of_positions(sums: Tensor, truth: Truth) -> Tensor:
    """Mean cross-entropy of first and last: of each example's rows of sums (M, 2), targets (N, 2) name the true ones.

    -1 is left out.
    """
    if not (truth.targets >= 0).any():
        return sums.sum() * 0.0
    padded = nn.utils.rnn.pad_sequence(list(sums.split(list(truth.lengths))), batch_first=True, padding_value=NEVER)
    return functional.cross_entropy(padded, truth.targets, ignore_index=-1)


LOSSES: Mapping[str, Callable[[Tensor, Truth], Tensor]] = {
    "softmax": cross_entropy,
    "sigmoid": binary_cross_entropy,
    "identity": half_square,
    "positions": cross_entropy_of_positions,
}


def _mean(each: Tensor, known: Tensor) -> Tensor:
    return (each * known).sum() / known.sum().clamp(min=1)
