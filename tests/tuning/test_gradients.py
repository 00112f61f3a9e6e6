"""A batch in parts, side by side, gives the batch's gradients, and the same bytes each time; dropping is fair."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tuneworks.neural.batches import batch_of
from tuneworks.neural.dropout import Dropout, drawing_from, dropped, with_own_dropout
from tuneworks.neural.gradients import divided, side_by_side
from tuneworks.neural.pieces import Piece

PIECES = [Piece(n, [1 + n % 7] * (3 + n % 5)) for n in range(40)]


def network(share: float) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(10, 16), nn.Dropout(share), nn.Linear(16, 8), nn.Linear(8, 3))


def gradients(parts: int, *, share: float = 0.0, seed: int = 0) -> list[Tensor]:
    """Gradients of the mean loss of all pieces, computed in so many parts."""
    made = network(share)
    with_own_dropout(made)
    torch.manual_seed(seed)

    def loss(part: list[Piece]) -> Tensor:
        batch = batch_of(part)
        sums = batch.means(made(batch.ids))
        targets = torch.tensor([one % 3 for one in batch.examples])
        return nn.functional.cross_entropy(sums, targets) * len(part) / len(PIECES)

    side_by_side([partial(loss, part) for part in divided(PIECES, parts)], list(made.parameters()))
    return [weight.grad for weight in made.parameters() if weight.grad is not None]


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_parts_give_the_gradients_of_the_whole(parts: int) -> None:
    for ours, whole in zip(gradients(parts), gradients(1), strict=True):
        torch.testing.assert_close(ours, whole, atol=1e-6, rtol=1e-5)


def test_what_is_dropped_side_by_side_is_the_same_each_time() -> None:
    once = gradients(4, share=0.3)
    for _ in range(5):
        assert all(map(torch.equal, once, gradients(4, share=0.3)))
    assert not all(map(torch.equal, once, gradients(4, share=0.3, seed=1)))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(1, 6))
def test_parts_hold_every_piece_once_in_order_and_are_about_as_large(sizes: list[int], parts: int) -> None:
    pieces = [Piece(number, [7] * size) for number, size in enumerate(sizes)]
    made = divided(pieces, parts)
    assert [piece for part in made for piece in part] == pieces
    assert 1 <= len(made) <= parts
    assert max(sum(len(piece.ids) for piece in part) for part in made) <= sum(sizes) / parts + max(sizes)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1000, 333), (7,), (1, 1)])
@pytest.mark.parametrize(("kind", "exact"), [(torch.float32, 1e-3), (torch.bfloat16, 4e-3)], ids=str)
def test_a_share_is_dropped_and_the_expectation_stays(
    share: float, shape: tuple[int, ...], kind: torch.dtype, exact: float
) -> None:
    states = torch.ones(shape, dtype=kind, requires_grad=True)
    with drawing_from(3):
        made = dropped(states, share)
    made.sum().backward()
    assert states.grad is not None
    assert torch.equal(states.grad, made.detach())
    assert all(value == pytest.approx(1 / (1 - share), rel=exact) for value in set(made.flatten().tolist()) - {0.0})
    if len(shape) == 2 and shape[0] == 1000:
        assert (made == 0).float().mean().item() == pytest.approx(share, abs=3e-3)
        assert made.float().mean().item() == pytest.approx(1, abs=1e-2)


def test_neighbours_are_dropped_apart() -> None:
    with drawing_from(0):
        gone = (dropped(torch.ones(200_000), 0.5) == 0).float()
    for step in (1, 2, 3, 4, 8):
        assert abs(torch.corrcoef(torch.stack([gone[:-step], gone[step:]]))[0, 1].item()) < 0.01


def test_nothing_is_dropped_outside_training() -> None:
    states = torch.randn(50, 50)
    assert torch.equal(Dropout(0.5).eval()(states), states)
    assert not torch.equal(Dropout(0.5)(states), states)
