"""Gradients of a batch's parts side by side: one single-threaded worker a core beats all cores on one batch.

What is drawn at random is drawn from a generator for each part, and the parts' gradients are added in their order: the
same parts give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor

from tuneworks.neural.dropout import drawing_from
from tuneworks.neural.pieces import Piece
from tuneworks.neural.together import ALONE, Together

Loss = Callable[[], Tensor]


def divided(pieces: Sequence[Piece], parts: int) -> list[list[Piece]]:
    """Neighbours in parts of about as many tokens."""
    total = sum(len(piece.ids) for piece in pieces)
    made: list[list[Piece]] = [[] for _ in range(parts)]
    seen = 0
    for piece in pieces:
        made[min(parts - 1, (2 * seen + len(piece.ids)) * parts // (2 * total))].append(piece)
        seen += len(piece.ids)
    return [part for part in made if part]


def side_by_side(
    losses: Sequence[Loss],
    weights: Sequence[Tensor],
    together: Together = ALONE,
    asked: Sequence[Tensor] | None = None,
) -> float:
    """Add the gradients of all losses that are this process's to the weights'; gives the sum of these losses.

    ``asked``: what the losses are made of instead of these weights, which get its gradients.
    """
    asked = weights if asked is None else asked
    seeds = together.share(torch.randint(2**62, (len(losses),)).tolist())
    losses = together.share(losses)

    def of(loss: Loss, seed: int) -> tuple[float, Sequence[Tensor | None]]:
        with drawing_from(seed):
            made = loss()
            return made.item(), torch.autograd.grad(made, asked, allow_unused=True)

    summed = 0.0
    run = map if len(losses) < 2 else _workers(len(losses)).map
    for loss, gradients in run(of, losses, seeds):
        summed += loss
        for weight, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                weight.grad = gradient.to(weight.dtype) if weight.grad is None else weight.grad.add_(gradient)
    return summed


@cache
def _workers(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
