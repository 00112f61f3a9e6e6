"""The head of ordered classes: one direction, and how far along it each class begins."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

LINK = "cumulative"


class CumulativeHead(nn.Module):
    """Sums (M, C) of which column k says "at least class k" (Cao et al. 2020, CORAL); column 0 is 0 and never asked.

    All share one direction; biases fall from class to class, so that the probabilities never rise.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(width).normal_(std=0.02))
        self.first = nn.Parameter(torch.zeros(1))
        self.gaps = nn.Parameter(torch.zeros(size - 2))

    @property
    def weight(self) -> Tensor:
        """As a linear layer has it (C, W)."""
        steps = len(self.gaps) + 1
        return torch.cat([torch.zeros_like(self.direction[None]), self.direction.expand(steps, -1)])

    @property
    def bias(self) -> Tensor:
        falls = functional.softplus(self.gaps).cumsum(0)
        return torch.cat([torch.zeros_like(self.first), self.first, self.first - falls])

    def forward(self, states: Tensor) -> Tensor:
        return functional.linear(states, self.weight, self.bias)

    @torch.no_grad()
    def begin_with(self, weight: Tensor, bias: Tensor) -> None:
        """Begin at separate heads of "at least class k" (C - 1, W), (C - 1,): their mean direction, their biases."""
        self.direction.copy_(weight.mean(dim=0))
        self.first.copy_(bias[:1])
        falls = (bias[:-1] - bias[1:]).clamp(min=1e-3)
        self.gaps.copy_(falls + torch.log(-torch.expm1(-falls)))
