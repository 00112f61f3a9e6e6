"""Optimisers, the shapes of their learning rates, and which weights learn how fast."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adafactor, AdamW, Optimizer

LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
EMBEDDINGS = re.compile(r"(?:^|\.)(?:\w*embeddings?|wte|wpe)\.")
HEAD = "head."


@dataclass(frozen=True)
class Rates:
    """How fast what learns; ``layer_decay``: a layer's rate over that of the layer above it."""

    learning_rate: float
    head_learning_rate: float
    weight_decay: float
    layer_decay: float = 1.0
    momentum: float = 0.9


class Lion(Optimizer):
    """Sign of an interpolated momentum (Chen et al. 2023, arXiv 2302.06675, algorithm 2).

    ``w <- w - rate (sign(b1 m + (1 - b1) g) + decay w)``, then ``m <- b2 m + (1 - b2) g``.
    """

    def __init__(self, groups: Iterable[Any], betas: tuple[float, float] = (0.9, 0.99)) -> None:
        super().__init__(groups, {"lr": 1e-4, "weight_decay": 0.0, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            first, second = group["betas"]
            for weight in (one for one in group["params"] if one.grad is not None):
                state = self.state[weight]
                momentum = state.setdefault("momentum", torch.zeros_like(weight))
                update = momentum.lerp(weight.grad, 1 - first).sign_()
                weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])
                momentum.lerp_(weight.grad, 1 - second)


Groups = list[dict[str, Any]]
OPTIMISERS: Mapping[str, Callable[[Groups, Rates], Optimizer]] = {
    "adamw": lambda groups, rates: AdamW(groups, fused=True),
    "sgd": lambda groups, rates: SGD(groups, momentum=rates.momentum, foreach=True),
    "adafactor": lambda groups, rates: Adafactor(groups, foreach=True),
    "lion": lambda groups, rates: Lion(groups),
}
RATE_BESIDE_ADAMW = {"adamw": 1.0, "sgd": 100.0, "adafactor": 20.0, "lion": 0.2}
"""What a learning rate that suits AdamW is multiplied by for others, whose steps are larger or smaller than its."""


def optimiser_of(name: str, network: nn.Module, rates: Rates) -> Optimizer:
    """An optimiser of the network's weights that train."""
    return OPTIMISERS[name](parameter_groups(network, rates), rates)


def parameter_groups(network: nn.Module, rates: Rates) -> Groups:
    """Weights with decay, biases and norms without; the head (named ``head.``) at its own rate, layers by depth."""
    below = layers_below_top(network)
    made: dict[tuple[bool, float, bool], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            in_head = name.startswith(HEAD)
            share = 1.0 if in_head else rates.layer_decay ** below[name]
            made.setdefault((in_head, share, parameter.ndim < 2), []).append(parameter)
    return [
        {
            "params": chosen,
            "lr": (rates.head_learning_rate if in_head else rates.learning_rate) * share,
            "weight_decay": 0.0 if flat else rates.weight_decay,
        }
        for (in_head, share, flat), chosen in sorted(made.items(), key=lambda item: item[0])
    ]


def layers_below_top(network: nn.Module) -> dict[str, int]:
    """How many layers above each weight of a network: embeddings lie below all, what is in none at the top."""
    depths = {name: _depth(name) for name, _ in network.named_parameters()}
    top = max((depth for depth in depths.values() if depth is not None), default=0)
    return {name: 0 if depth is None else top - depth for name, depth in depths.items()}


def _depth(name: str) -> int | None:
    """The number of a weight's layer, -1 for embeddings; ``None`` for what stands beside the layers."""
    found = LAYER.search(name)
    if found:
        return int(found.group(1))
    return -1 if EMBEDDINGS.search(name) else None


# -- shapes of the learning rate: what share of it a step has, after the warm-up, ``at`` from 0 to 1 ----------------


def _inverse_root(at: float, rise: float) -> float:
    """The root of the warm-up's end over the step (Vaswani et al. 2017, section 5.3)."""
    return math.sqrt(rise / (rise + at * (1 - rise))) if rise else 1.0


SHAPES: Mapping[str, Callable[[float, float], float]] = {
    "linear": lambda at, rise: 1 - at,
    "cosine": lambda at, rise: 0.5 * (1 + math.cos(math.pi * at)),
    "constant": lambda at, rise: 1.0,
    "quadratic": lambda at, rise: (1 - at) ** 2,
    "inverse-root": _inverse_root,
}


def share_of_rate(shape: str, step: int, total: int, warm_up: float) -> float:
    """The share of the learning rate that a step has: it rises to 1 in the warm-up, then follows the shape."""
    rise = max(1, math.ceil(total * warm_up))
    if step < rise:
        return (step + 1) / rise
    return max(0.0, SHAPES[shape](min(1.0, (step - rise) / max(1, total - rise)), rise / total))
