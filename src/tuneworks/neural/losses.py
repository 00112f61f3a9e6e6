"""Losses by the link that makes scores of a head's sums, and by the name that a user may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

NEVER = -1e9
SYMMETRIC = (0.1, 1.0, 4.0)  # weights of both entropies and minus the logarithm of nothing (Wang et al. 2019, 4.1)


@dataclass(frozen=True)
class Truth:
    """What a batch's sums are held against; ``lengths``: rows of sums of each example; ``weights`` (C,) by class.

    ``believed`` (M,): how much each row's label counts, where not all count alike.
    """

    targets: Tensor
    lengths: Sequence[int]
    weights: Tensor | None = None
    believed: Tensor | None = None


Loss = Callable[[Tensor, Truth], Tensor]


def cross_entropy(sums: Tensor, truth: Truth, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of sums (M, C) against class numbers (M,); -1 is left out.

    Nothing to learn from (no row, or all -1) is no loss. ``smoothing``: share of the truth given to all classes alike.
    """
    if not (truth.targets >= 0).any():
        return sums.sum() * 0.0
    if truth.believed is not None:
        each = functional.cross_entropy(
            sums, truth.targets, ignore_index=-1, label_smoothing=smoothing, reduction="none"
        )
        return _weighed(each, truth)
    return functional.cross_entropy(
        sums, truth.targets, weight=truth.weights, ignore_index=-1, label_smoothing=smoothing
    )


def focal(sums: Tensor, truth: Truth, gamma: float) -> Tensor:
    """``-(1 - p)^gamma log p`` of the true class's probability (Lin et al. 2017, arXiv 1708.02002)."""
    return _by_true(sums, truth, lambda log: -((1 - log.exp()) ** gamma) * log)


def generalised_cross_entropy(sums: Tensor, truth: Truth, robustness: float) -> Tensor:
    """``(1 - p^q) / q``: cross-entropy where q nears 0, absolute error at 1 (Zhang and Sabuncu 2018, 1805.07836)."""
    return _by_true(sums, truth, lambda log: (1 - (robustness * log).exp()) / robustness)


def symmetric_cross_entropy(sums: Tensor, truth: Truth) -> Tensor:
    """Cross-entropy beside its reverse, which wrong labels weigh less in (Wang et al. 2019, arXiv 1908.06112)."""
    forward, reverse, nothing = SYMMETRIC
    return _by_true(sums, truth, lambda log: -forward * log + reverse * nothing * (1 - log.exp()))


def ordinal(sums: Tensor, truth: Truth) -> Tensor:
    """Cross-entropy of each "at least class k" (Cao et al. 2020, CORAL, arXiv 1901.07884); column 0 is never asked."""
    steps = torch.arange(1, sums.shape[1], device=sums.device)
    wanted = (truth.targets.unsqueeze(1) >= steps).to(sums.dtype)
    each = functional.binary_cross_entropy_with_logits(sums[:, 1:], wanted, reduction="none").sum(dim=1)
    return _weighed(each, truth)


def binary_cross_entropy(sums: Tensor, truth: Truth, smoothing: float = 0.0, gamma: float = 0.0) -> Tensor:
    """Mean cross-entropy of sums (M, C), each against a number from 0 to 1; what is not a number is left out.

    ``weights`` multiply the loss of what holds. With ``gamma`` it is focal: what is known already counts less.
    """
    targets = truth.targets.reshape(sums.shape)
    known = torch.isfinite(targets)
    wanted = targets.nan_to_num() * (1 - smoothing) + smoothing / 2
    each = functional.binary_cross_entropy_with_logits(sums, wanted, pos_weight=truth.weights, reduction="none")
    if gamma:
        each = each * (wanted - sums.sigmoid()).abs() ** gamma
    return _mean(each, known)


def half_square(sums: Tensor, truth: Truth) -> Tensor:
    """Half the mean square of what sums (M, C) miss their targets by; what is not a number is left out."""
    targets = truth.targets.reshape(sums.shape)
    return _mean(0.5 * (sums - targets.nan_to_num()) ** 2, torch.isfinite(targets))


def pinball(sums: Tensor, truth: Truth, quantile: float) -> Tensor:
    """What is least where a share ``quantile`` of the targets lies below (Koenker and Bassett 1978)."""
    targets = truth.targets.reshape(sums.shape)
    missed = targets.nan_to_num() - sums
    return _mean(torch.maximum(quantile * missed, (quantile - 1) * missed), torch.isfinite(targets))


def cross_entropy_of_positions(sums: Tensor, truth: Truth, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of first and last: of each example's rows of sums (M, 2), targets (N, 2) name the true ones.

    -1 is left out. ``smoothing``: share of the truth given to all of an example's rows alike.
    """
    if not (truth.targets >= 0).any():
        return sums.sum() * 0.0
    padded = by_example(sums, truth.lengths)
    exact = functional.cross_entropy(padded, truth.targets, ignore_index=-1)
    if not smoothing:
        return exact
    inside = padded > NEVER / 2
    logs = torch.where(inside, padded.log_softmax(dim=1), 0.0).sum(dim=1) / inside.sum(dim=1)
    return (1 - smoothing) * exact - smoothing * _mean(logs, truth.targets >= 0)


def weight_of(truth: Truth) -> Tensor:
    """What losses are the mean over: all that is known, each class as heavy as it is and as far as it is believed."""
    if truth.targets.is_floating_point():
        return torch.isfinite(truth.targets).float().sum()
    return _heavy(truth).sum()


def by_example(sums: Tensor, lengths: Sequence[int]) -> Tensor:
    """Sums (M, 2) as one row an example, filled up with what is never chosen (N, L, 2)."""
    return nn.utils.rnn.pad_sequence(list(sums.split(list(lengths))), batch_first=True, padding_value=NEVER)


LOSSES: Mapping[str, Loss] = {
    "softmax": cross_entropy,
    "sigmoid": binary_cross_entropy,
    "identity": half_square,
    "positions": cross_entropy_of_positions,
}
"""The loss of each link where none is asked for."""


@dataclass(frozen=True)
class Wish:
    """What a user asks of a loss: its name, or the link's own, and its settings."""

    name: str | None = None
    gamma: float = 2.0
    robustness: float = 0.7
    smoothing: float = 0.0
    quantile: float = 0.5


NAMED: Mapping[str, Mapping[str, Callable[[Wish], Loss]]] = {
    "softmax": {
        "cross-entropy": lambda wish: partial(cross_entropy, smoothing=wish.smoothing),
        "focal": lambda wish: partial(focal, gamma=wish.gamma),
        "generalised-cross-entropy": lambda wish: partial(generalised_cross_entropy, robustness=wish.robustness),
        "symmetric-cross-entropy": lambda wish: symmetric_cross_entropy,
        "ordinal": lambda wish: ordinal,
        "crf": lambda wish: cross_entropy,
    },
    "sigmoid": {
        "cross-entropy": lambda wish: partial(binary_cross_entropy, smoothing=wish.smoothing),
        "focal": lambda wish: partial(binary_cross_entropy, smoothing=wish.smoothing, gamma=wish.gamma),
    },
    "identity": {
        "square": lambda wish: half_square,
        "quantile": lambda wish: partial(pinball, quantile=wish.quantile),
    },
    "positions": {"cross-entropy": lambda wish: partial(cross_entropy_of_positions, smoothing=wish.smoothing)},
}
"""Link -> the losses it can be learnt by; the first is its own. Under "crf" the chain's head brings the loss."""
NAMES = tuple(dict.fromkeys(name for losses in NAMED.values() for name in losses))
SMOOTHED = {("softmax", "cross-entropy"), ("sigmoid", "cross-entropy"), ("sigmoid", "focal")} | {
    ("positions", "cross-entropy")
}
"""Links and losses whose truth can be smoothed."""


def _by_true(sums: Tensor, truth: Truth, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean of what a loss makes of the logarithm of the true class's probability; -1 is left out."""
    logs = sums.log_softmax(dim=1).gather(1, truth.targets.clamp(min=0).unsqueeze(1)).squeeze(1)
    return _weighed(loss(logs), truth)


def _weighed(each: Tensor, truth: Truth) -> Tensor:
    """The mean over rows of known class, each as heavy as its class and as far as it is believed."""
    heavy = _heavy(truth).to(each.dtype)
    return (each * heavy).sum() / heavy.sum().clamp(min=torch.finfo(each.dtype).tiny)


def _heavy(truth: Truth) -> Tensor:
    """How much each class number counts."""
    known = (truth.targets >= 0).float()
    if truth.believed is not None:
        known = known * truth.believed
    return known if truth.weights is None else known * truth.weights[truth.targets.clamp(min=0)]


def _mean(each: Tensor, known: Tensor) -> Tensor:
    return (each * known).sum() / known.sum().clamp(min=1)
