"""Gradients by products of bfloat16 where the processor is faster at them; weights stay in float32.

Each layer has a double in bfloat16 (8 bits of mantissa, the exponents of float32) whose weights follow its own and
whose gradients become its own, in float32 (Kalamkar et al. 2019, arXiv 1905.12322). Embeddings, norms, heads, moments
and all that is measured or answered keep float32.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tuneworks.core.types import Recipe
from tuneworks.neural.batches import Batch
from tuneworks.neural.devices import CPU, device
from tuneworks.neural.flat import through

NAME, WHOLE, MIXED = "mixed_precision", "no", "bf16"
PRECISIONS = (WHOLE, MIXED)
WORTH_IT = 1.3  # times as fast as float32
ALIKE = 16  # lengths of streams are multiples of it: code is made for each, and stays in memory
TOKENS, WIDTH, INNER = 256, 384, 1536
TRIES = 7


class Halves:
    """Doubles in bfloat16 of an encoder's layers from number ``begin`` on (0 the lowest)."""

    def __init__(self, layers: Sequence[nn.Module], begin: int) -> None:
        self._begin, self._own = begin, layers[begin:]
        self._doubles = copy.deepcopy(nn.ModuleList(self._own)).to(torch.bfloat16)
        for module in self._doubles.modules():
            if isinstance(module, nn.LayerNorm):
                module.float()
        own = [weight for layer in self._own for weight in layer.parameters()]
        self._double_of = dict(zip(own, self._doubles.parameters(), strict=True))

    @torch.no_grad()
    def follow(self) -> None:
        """Let the doubles be what their layers are now: the weights that learn, and whether states are dropped."""
        learning = {own: double for own, double in self._double_of.items() if own.requires_grad}
        for own, double in self._double_of.items():
            double.requires_grad_(own.requires_grad)
        if learning:
            torch._foreach_copy_(list(learning.values()), list(learning))
        for layer, double in zip(self._own, self._doubles, strict=True):
            double.train(layer.training)

    def of(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """What gradients are asked of instead of these weights."""
        return [self._double_of.get(weight, weight) for weight in weights]

    def through(self, states: Tensor, batch: Batch, begin: int, end: int) -> Tensor:
        """The stream's states (T, D) after the layers from number ``begin`` to before ``end``."""
        doubles = self._doubles[begin - self._begin : end - self._begin]
        rest = -len(states) % ALIKE
        stream = functional.pad(states.bfloat16(), (0, 0, 0, rest))
        return through(doubles, stream, batch)[: len(states)].float()


@contextmanager
def in_precision(encoder: Any, precision: str | None) -> Iterator[Halves | None]:
    """Meanwhile an ``Encoder`` of a known family computes what gradients are asked of in that precision."""
    if precision != MIXED or not encoder.layers:
        yield None
        return
    encoder.halves = Halves(encoder.layers, encoder.below.count if encoder.below is not None else 0)
    try:
        yield encoder.halves
    finally:
        encoder.halves = None


def settled(recipe: Recipe) -> Recipe:
    """The recipe with what is faster here as its ``mixed_precision``, where that was left open."""
    return replace(recipe, options={**recipe.options, NAME: recipe.options[NAME] or mixed_or_not()})


@cache
def mixed_or_not() -> str:
    """What is faster here: measured once a process, on a layer's largest product."""
    if device().type != CPU:
        return WHOLE
    states, weight = torch.randn(TOKENS, WIDTH), torch.randn(INNER, WIDTH)
    whole = partial(functional.linear, states, weight)
    half = partial(functional.linear, states.bfloat16(), weight.bfloat16())
    times = [(_seconds(whole), _seconds(half)) for _ in range(TRIES)]
    return MIXED if min(one for one, _ in times) > WORTH_IT * min(other for _, other in times) else WHOLE


def _seconds(product: Any) -> float:
    began = time.perf_counter()
    with torch.inference_mode():
        product()
    return time.perf_counter() - began
