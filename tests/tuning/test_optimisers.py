"""Optimisers and schedules follow their published formulas, and each weight learns at the rate it was given."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from tuneworks.neural.optimisers import (
    OPTIMISERS,
    SHAPES,
    Lion,
    Rates,
    layers_below_top,
    parameter_groups,
    share_of_rate,
)

RATES = Rates(learning_rate=0.1, head_learning_rate=0.4, weight_decay=0.01)


class Tower(nn.Module):
    """Embeddings, two layers, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(3, 2)
        self.layer = nn.ModuleList(nn.Linear(2, 2) for _ in range(2))
        self.head = nn.Linear(2, 2)


def test_lion_follows_its_formula() -> None:
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=5), random.normal(size=(6, 5))
    weight = nn.Parameter(torch.tensor(start))
    optimiser = Lion([{"params": [weight], "lr": 0.03, "weight_decay": 0.1}])
    expected, momentum = start.copy(), np.zeros(5)
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        optimiser.step()
        update = np.sign(0.9 * momentum + 0.1 * gradient)
        expected -= 0.03 * (update + 0.1 * expected)
        momentum = 0.99 * momentum + 0.01 * gradient
    assert np.allclose(weight.detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_finds_the_bottom_of_a_bowl(name: str) -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(4, 4))
    optimiser = OPTIMISERS[name]([{"params": [weight], "lr": 0.02, "weight_decay": 0.0}], RATES)
    began = float(weight.square().sum())
    for _ in range(200):
        optimiser.zero_grad()
        weight.square().sum().backward()
        optimiser.step()
    assert float(weight.square().sum()) < 0.05 * began


@pytest.mark.parametrize("shape", SHAPES)
def test_a_rate_rises_to_one_and_never_rises_again(shape: str) -> None:
    shares = [share_of_rate(shape, step, 50, 0.2) for step in range(50)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10] == 1.0
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert min(shares) > 0


@pytest.mark.parametrize(
    ("shape", "half"),
    [("linear", 0.5), ("cosine", 0.5), ("constant", 1.0), ("quadratic", 0.25), ("inverse-root", math.sqrt(20 / 60))],
)
def test_half_way_down_each_shape_has_its_value(shape: str, half: float) -> None:
    assert share_of_rate(shape, 60, 100, 0.2) == pytest.approx(half)


def test_lower_layers_learn_more_slowly_and_the_head_at_its_own_rate() -> None:
    tower = Tower()
    below = layers_below_top(tower)
    assert {name.rpartition(".")[0]: depth for name, depth in below.items()} == {
        "embeddings": 2,
        "layer.0": 1,
        "layer.1": 0,
        "head": 0,
    }
    groups = parameter_groups(tower, Rates(0.1, 0.4, 0.01, layer_decay=0.5))
    rate_of = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    assert rate_of[id(tower.embeddings.weight)] == pytest.approx(0.025)
    assert [rate_of[id(layer.weight)] for layer in tower.layer] == pytest.approx([0.05, 0.1])
    assert rate_of[id(tower.head.bias)] == pytest.approx(0.4)


def test_biases_are_not_decayed() -> None:
    decays = {
        id(weight): group["weight_decay"] for group in parameter_groups(Tower(), RATES) for weight in group["params"]
    }
    assert sorted(decays.values()) == [0.0] * 3 + [0.01] * 4
