"""The head and the loss of a linear-chain conditional random field on the units of a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tuneworks.neural.devices import numbers_of
from tuneworks.neural.losses import NEVER, Truth
from tuneworks.statistics.chains import LINK, log_marginals
from tuneworks.statistics.features import Floats

__all__ = ["LINK", "ChainHead"]


class ChainHead(nn.Linear):
    """Sums (M, C) of units, and the weight of each step from a tag to the next unit's tag (C, C)."""

    def __init__(self, width: int, transitions: Floats) -> None:
        super().__init__(width, transitions.shape[0])
        self.transitions = nn.Parameter(torch.from_numpy(transitions))

    def loss(self, sums: Tensor, truth: Truth) -> Tensor:
        """The mean negative logarithm of the true tags' probability a unit; a tag of -1 may be any."""
        known = truth.targets >= 0
        others = torch.ones_like(sums, dtype=torch.bool)
        others[torch.arange(len(sums), device=sums.device), truth.targets.clamp(min=0)] = False
        true = sums.masked_fill(others & known.unsqueeze(1), NEVER)
        weight = self._total(sums, truth.lengths) - self._total(true, truth.lengths)
        return weight.sum() / known.sum().clamp(min=1)

    def together(self, sums: Floats, lengths: Sequence[int]) -> Floats:
        """The logarithm of each unit's tags' probabilities, given all sums of its example."""
        return log_marginals(sums, numbers_of(self.transitions), lengths)

    def further(self, temperature: float) -> dict[str, Floats]:
        """What is kept beside the linear layer."""
        return {
            "transitions": numbers_of(self.transitions),
            "temperature": np.array([temperature], np.float32),
        }

    def _total(self, sums: Tensor, lengths: Sequence[int]) -> Tensor:
        """The logarithm of what all paths through each example come to (N,)."""
        held = [part for part in sums.split(list(lengths)) if len(part)]
        padded = nn.utils.rnn.pad_sequence(held)
        ends = torch.tensor([len(part) for part in held], device=sums.device)
        reached = padded[0]
        for step in range(1, len(padded)):
            further = torch.logsumexp(reached.unsqueeze(2) + self.transitions, dim=1) + padded[step]
            reached = torch.where((step < ends).unsqueeze(1), further, reached)
        return torch.logsumexp(reached, dim=1)
