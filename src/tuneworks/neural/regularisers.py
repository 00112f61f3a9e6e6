"""What makes a network say the same of what is nearly the same: two passes alike, embeddings pushed astray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tuneworks.neural.losses import by_example

Lengths = Sequence[int]


def _of_classes(first: Tensor, second: Tensor, lengths: Lengths) -> Tensor:
    """The mean of both Kullback-Leibler divergences of the probabilities in rows (M, C)."""
    one, other = first.log_softmax(dim=1), second.log_softmax(dim=1)
    return 0.5 * ((one.exp() - other.exp()) * (one - other)).sum(dim=1).mean()


def _of_each(first: Tensor, second: Tensor, lengths: Lengths) -> Tensor:
    """The same of each sum's own yes or no, added up in a row."""
    return 0.5 * ((first.sigmoid() - second.sigmoid()) * (first - second)).sum(dim=1).mean()


def _of_numbers(first: Tensor, second: Tensor, lengths: Lengths) -> Tensor:
    """Half the square of how far they lie apart: the divergence of normal distributions of deviation 1."""
    return 0.5 * ((first - second) ** 2).mean()


def _of_positions(first: Tensor, second: Tensor, lengths: Lengths) -> Tensor:
    one, other = by_example(first, lengths).log_softmax(dim=1), by_example(second, lengths).log_softmax(dim=1)
    return 0.5 * ((one.exp() - other.exp()) * (one - other)).sum(dim=1).mean()


DIVERGENCES: Mapping[str, Callable[[Tensor, Tensor, Lengths], Tensor]] = {
    "softmax": _of_classes,
    "sigmoid": _of_each,
    "cumulative": _of_each,
    "chain": _of_classes,
    "identity": _of_numbers,
    "positions": _of_positions,
}
"""By link: how far two passes' sums say different things, both ways round (Wu et al. 2021, arXiv 2106.14448)."""


class Adversary:
    """Gradients of the loss, and of the loss where embeddings are pushed the way it rises (Miyato et al. 2017, FGM).

    The push is ``epsilon g / |g|``, with the norm over all embeddings of a batch (arXiv 1605.07725, equation 5).
    """

    def __init__(self, embedding: nn.Module, epsilon: float) -> None:
        self._embedding, self._epsilon = embedding, epsilon

    def __call__(self, loss: Callable[[], Tensor]) -> Tensor:
        seen: list[Tensor] = []
        with self._outputs(lambda made: _watched(made, seen)):
            clean = loss()
        clean.backward()
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in seen]
        norm = torch.stack([one.norm() for one in gradients]).norm().clamp(min=1e-12)
        pushes = iter([self._epsilon / norm * one for one in gradients])
        with self._outputs(lambda made: made + next(pushes)):
            pushed = loss()
        pushed.backward()
        return clean.detach()

    @contextmanager
    def _outputs(self, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        hook = self._embedding.register_forward_hook(lambda module, inputs, made: change(made))
        try:
            yield
        finally:
            hook.remove()


def _watched(made: Tensor, seen: list[Tensor]) -> Tensor:
    """A tensor whose gradient is kept, and which is noted."""
    watched = made if made.requires_grad else made.detach().requires_grad_()
    watched.retain_grad()
    seen.append(watched)
    return watched


def twice(
    sums: Callable[[], Tensor], loss: Callable[[Tensor], Tensor], apart: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """The mean loss of two passes, each dropping other states, and what lies between them (R-Drop): two numbers."""
    first, second = sums(), sums()
    return torch.stack([0.5 * (loss(first) + loss(second)), apart(first, second)])
