"""Dropping states at random, a quarter of the stock cost, from random numbers of a thread's own where it has such."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from tuneworks.neural.devices import device

RANGE = 2**15
_thread = threading.local()


class Dropout(nn.Dropout):
    """Drops what the stock module drops, by ``dropped``."""

    def forward(self, input: Tensor) -> Tensor:
        return dropped(input, self.p) if self.training else input


def dropped(states: Tensor, share: float) -> Tensor:
    """States of which a share is 0, at random, and the others are larger for it: the expectation stays.

    On a CPU the share is exact to 1 in 32,768, and one random number of 64 bits serves four states.
    """
    if not share:
        return states
    if states.device.type != "cpu":
        return functional.dropout(states, share)
    count = states.numel()
    numbers = torch.empty((count + 3) // 4, dtype=torch.int64, device=states.device)
    numbers.random_(generator=getattr(_thread, "generator", None))
    drawn = numbers.view(torch.int16)[:count].view(states.shape).bitwise_and_(RANGE - 1)
    least = round(share * RANGE)
    if states.dtype != torch.float32:  # too coarse for the numbers drawn
        return states * (drawn >= least).to(states.dtype).mul_(RANGE / (RANGE - least))
    return states * drawn.to(states.dtype).sub_(least - 1).mul_(RANGE).clamp_(0, RANGE / (RANGE - least))


def with_own_dropout(network: nn.Module) -> None:
    """Let every stock dropout in a network be ours."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Meanwhile what this thread drops is drawn from a generator of its own."""
    _thread.generator = torch.Generator(device()).manual_seed(seed)
    try:
        yield
    finally:
        _thread.generator = None
