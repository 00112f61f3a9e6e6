"""Losses by the shape of the answer."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
    """Mean cross-entropy of logits (M, C) against class numbers (M,); -1 is left out; ``weights`` (C,) by class.

    Nothing to learn from (no row, or all -1) is no loss.
    """
    if not (targets >= 0).any():
        return logits.sum() * 0.0
    return functional.cross_entropy(logits, targets, weight=weights, ignore_index=-1)


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    "classes": cross_entropy,
    "token_classes": cross_entropy,
}
