"""Losses are those of their links, and leave out what is not known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from tuneworks.neural.losses import LOSSES, Truth
from tuneworks.statistics import linear, positions

NAN = float("nan")


def loss(link: str, sums: torch.Tensor, targets: torch.Tensor, lengths: list[int] | None = None) -> float:
    return float(LOSSES[link](sums, Truth(targets, lengths or [1] * len(sums))))


@pytest.mark.parametrize(
    ("link", "targets", "unknown"),
    [
        ("softmax", [0, 2, 1], -1),
        ("sigmoid", [[1, 0, 0], [0, 0, 1], [1, 1, 0]], NAN),
        ("identity", [[1.0] * 3] * 3, NAN),
    ],
)
def test_rows_of_unknown_targets_change_nothing(link: str, targets: list, unknown: float) -> None:
    torch.manual_seed(0)
    sums, known = torch.randn(3, 3), torch.tensor(targets)
    extra = torch.full_like(known[:1].to(torch.float32), unknown).to(
        known.dtype if link == "softmax" else torch.float32
    )
    wider = torch.cat([known.to(extra.dtype), extra])
    assert loss(link, torch.cat([sums, torch.randn(1, 3)]), wider) == pytest.approx(
        loss(link, sums, known.to(extra.dtype)), rel=1e-6
    )
    assert loss(link, sums[:1], extra) == 0.0


@pytest.mark.parametrize("link", ["softmax", "sigmoid", "identity"])
def test_the_network_and_the_linear_fit_mean_the_same_by_a_loss(link: str) -> None:
    random = np.random.default_rng(0)
    sums = random.normal(size=(20, 3)).astype(np.float32)
    targets = {"softmax": random.integers(3, size=20), "sigmoid": random.integers(2, size=(20, 3)).astype(np.float32)}
    target = targets.get(link, random.normal(size=(20, 3)).astype(np.float32))
    each, _ = linear.LOSSES[link](sums.copy(), target)
    mean = each.mean() if link == "softmax" else each.mean() / 3
    assert loss(link, torch.from_numpy(sums), torch.from_numpy(target)) == pytest.approx(mean, rel=1e-5)


def test_positions_are_probabilities_within_an_example_only() -> None:
    torch.manual_seed(0)
    sums, targets, lengths = torch.randn(7, 2), torch.tensor([[0, 0], [1, 3]]), [3, 4]
    apart = [
        functional.cross_entropy(part.T, target) for part, target in zip(sums.split(lengths), targets, strict=True)
    ]
    assert loss("positions", sums, targets, lengths) == pytest.approx(float(sum(apart) / 2), rel=1e-6)


def test_positions_of_unknown_answers_change_nothing() -> None:
    torch.manual_seed(0)
    sums, targets = torch.randn(7, 2), torch.tensor([[2, 2], [-1, -1]])
    assert loss("positions", sums, targets, [3, 4]) == pytest.approx(loss("positions", sums[:3], targets[:1], [3]))
    assert loss("positions", sums[3:], targets[1:], [4]) == 0.0


def test_a_temperature_makes_overconfident_positions_believable() -> None:
    random = np.random.default_rng(0)
    lengths, targets = [6] * 200, random.integers(6, size=(200, 2))
    sums = np.zeros((1200, 2), np.float32)
    for number, ends in enumerate(targets):
        for side, true in enumerate(ends):
            chosen = true if random.random() < 0.7 else random.integers(6)
            sums[6 * number + chosen, side] = 20.0
    temperature = positions.fit_temperature(sums, targets, lengths)
    believed = np.mean([scores.max(axis=0) for scores in positions.scores_of(sums / temperature, lengths)])
    assert 0.65 < believed < 0.85
