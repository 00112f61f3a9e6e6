"""Each loss a user may ask for is its published formula, and what regularises does what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax
from torch import nn

from tuneworks.neural.class_balance import by_class, by_label, drawn_alike
from tuneworks.neural.heads import CumulativeHead
from tuneworks.neural.losses import LOSSES, NAMED, Truth, Wish
from tuneworks.neural.regularisers import DIVERGENCES, Adversary, twice
from tuneworks.statistics import linear

RANDOM = np.random.default_rng(0)
SUMS, CLASSES = RANDOM.normal(size=(20, 4)) * 2, RANDOM.integers(4, size=20)
LABELS, NUMBERS = RANDOM.integers(2, size=(20, 4)).astype(float), RANDOM.normal(size=(20, 1))
TRUE = softmax(SUMS, axis=1)[np.arange(20), CLASSES]
WEIGHTS = np.array([0.5, 1.0, 2.0, 4.0])


def asked(
    link: str, name: str, targets: np.ndarray, sums: np.ndarray = SUMS, weighed: bool = False, **wish: Any
) -> float:
    truth = Truth(torch.tensor(targets), [1] * len(sums), torch.tensor(WEIGHTS) if weighed else None)
    return float(NAMED[link][name](Wish(name, **wish))(torch.tensor(sums), truth))


OF_CLASSES: dict[str, tuple[Callable[[], np.ndarray], dict[str, Any]]] = {
    "cross-entropy": (lambda: -np.log(TRUE), {}),
    "focal": (lambda: -((1 - TRUE) ** 1.5) * np.log(TRUE), {"gamma": 1.5}),
    "generalised-cross-entropy": (lambda: (1 - TRUE**0.4) / 0.4, {"robustness": 0.4}),
    "symmetric-cross-entropy": (lambda: -0.1 * np.log(TRUE) + 4 * (1 - TRUE), {}),
}


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_losses_of_classes_are_their_formulas(name: str, weighed: bool) -> None:
    each, wish = OF_CLASSES[name][0](), OF_CLASSES[name][1]
    expected = np.average(each, weights=WEIGHTS[CLASSES] if weighed else None)
    assert asked("softmax", name, CLASSES, weighed=weighed, **wish) == pytest.approx(expected, rel=1e-6)


def test_smoothing_gives_a_share_of_the_truth_to_all() -> None:
    truth = 0.9 * np.eye(4)[CLASSES] + 0.1 / 4
    expected = -(truth * log_softmax(SUMS, axis=1)).sum(axis=1).mean()
    assert asked("softmax", "cross-entropy", CLASSES, smoothing=0.1) == pytest.approx(expected, rel=1e-6)
    positions = Truth(torch.tensor([[0, 2]]), [4])
    loss = NAMED["positions"]["cross-entropy"](Wish(smoothing=0.1))
    sums = SUMS[:4, :2]
    ends = 0.9 * np.eye(4)[[0, 2]].T + 0.1 / 4
    expected = -(ends * log_softmax(sums, axis=0)).sum(axis=0).mean()
    assert float(loss(torch.tensor(sums), positions)) == pytest.approx(expected, rel=1e-6)


def test_focal_of_labels_weighs_what_is_missed() -> None:
    chance = expit(SUMS)
    each = -LABELS * np.log(chance) - (1 - LABELS) * np.log(1 - chance)
    expected = (each * np.abs(LABELS - chance) ** 2).mean()
    assert asked("sigmoid", "focal", LABELS, gamma=2.0) == pytest.approx(expected, rel=1e-6)


def test_the_pinball_loss_is_least_at_its_quantile() -> None:
    made = [
        asked("identity", "quantile", NUMBERS, np.full((20, 1), at), quantile=0.8) for at in np.linspace(-2, 2, 401)
    ]
    best = np.linspace(-2, 2, 401)[int(np.argmin(made))]
    assert np.mean(best + 1e-9 >= NUMBERS) == pytest.approx(0.8, abs=0.051)


@pytest.mark.parametrize(("link", "targets"), [("softmax", CLASSES), ("sigmoid", LABELS), ("identity", NUMBERS)])
def test_what_is_not_asked_for_is_the_links_own_loss(link: str, targets: np.ndarray) -> None:
    sums = SUMS[:, :1] if link == "identity" else SUMS
    own = LOSSES[link](torch.tensor(sums), Truth(torch.tensor(targets), [1] * 20))
    assert asked(link, next(iter(NAMED[link])), targets, sums) == pytest.approx(float(own), rel=1e-6)


def test_ordered_classes_are_learnt_in_order_and_served_as_probabilities() -> None:
    torch.manual_seed(0)
    head, states = CumulativeHead(3, 4), torch.randn(400, 3)
    truth = Truth(torch.bucketize(states[:, 0], torch.tensor([-1.0, 0.0, 1.0])), [1] * 400)
    optimiser, loss = torch.optim.Adam(head.parameters(), lr=0.1), NAMED["softmax"]["ordinal"](Wish())
    for _ in range(150):
        optimiser.zero_grad()
        loss(head(states), truth).backward()
        optimiser.step()
    scores = linear.LINKS["cumulative"](head(states).detach().numpy())
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert (scores >= 0).all()
    assert (scores.argmax(axis=1) == truth.targets.numpy()).mean() > 0.95
    assert np.allclose(head(states).detach(), (states @ head.weight.T + head.bias).detach(), atol=1e-6)
    assert (head.bias[1:].diff() < 0).all()


def test_a_head_of_ordered_classes_begins_where_separate_ones_were() -> None:
    head = CumulativeHead(2, 4)
    head.begin_with(torch.tensor([[1.0, 0.0], [3.0, 0.0], [2.0, 3.0]]), torch.tensor([2.0, 0.5, -1.0]))
    assert np.allclose(head.weight.detach(), [[0, 0], [2, 1], [2, 1], [2, 1]])
    assert np.allclose(head.bias.detach(), [0, 2, 0.5, -1], atol=1e-5)


@pytest.mark.parametrize("link", DIVERGENCES)
def test_passes_that_agree_lie_nowhere_apart(link: str) -> None:
    first, second = torch.tensor(SUMS[:, :2]), torch.tensor(SUMS[:, 2:])
    assert float(DIVERGENCES[link](first, first, [8, 12])) == pytest.approx(0, abs=1e-12)
    there, back = DIVERGENCES[link](first, second, [8, 12]), DIVERGENCES[link](second, first, [8, 12])
    assert float(there) == pytest.approx(float(back))
    assert float(there) > 0.01


def test_the_divergence_of_classes_is_the_mean_of_both_directions() -> None:
    one, other = softmax(SUMS, axis=1), softmax(SUMS[::-1], axis=1)
    both = (one * np.log(one / other)).sum(axis=1) + (other * np.log(other / one)).sum(axis=1)
    found = DIVERGENCES["softmax"](torch.tensor(SUMS), torch.tensor(SUMS[::-1].copy()), [])
    assert float(found) == pytest.approx(both.mean() / 2)


def test_two_passes_cost_their_mean_and_what_lies_between_them() -> None:
    passes = iter([torch.tensor(1.0), torch.tensor(4.0)])
    made = twice(lambda: next(passes), lambda sums: 2 * sums, lambda first, second: 10 * (second - first))
    assert made.tolist() == [5, 30]


@pytest.mark.parametrize("frozen", [False, True])
def test_an_adversary_pushes_embeddings_the_way_the_loss_rises(frozen: bool) -> None:
    torch.manual_seed(0)
    words, layer, ids, epsilon = nn.Embedding(5, 3), nn.Linear(3, 1), torch.tensor([[1, 2], [3, 1]]), 0.3
    words.weight.requires_grad = not frozen

    def loss() -> torch.Tensor:
        return layer(words(ids)).tanh().square().sum()

    seen = words(ids).detach().requires_grad_()
    clean = layer(seen).tanh().square().sum()
    (gradient,) = torch.autograd.grad(clean, seen)
    pushed = layer(seen.detach() + epsilon * gradient / gradient.norm()).tanh().square().sum()
    (of_clean,), (of_pushed,) = (torch.autograd.grad(one(), layer.weight) for one in (loss, lambda: pushed))
    assert float(Adversary(words, epsilon)(loss)) == pytest.approx(float(clean))
    assert torch.allclose(layer.weight.grad, of_clean + of_pushed, atol=1e-6)
    assert (words.weight.grad is None) == frozen
    assert not words._forward_hooks


def test_rare_classes_count_more_and_effective_numbers_level_off() -> None:
    targets = np.array([0] * 90 + [1] * 10 + [-1] * 5)
    assert by_class(targets, 2, "balanced") == pytest.approx([100 / 180, 100 / 20])
    effective = np.array([(1 - 0.999) / (1 - 0.999**rows) for rows in (90, 10)])
    assert by_class(targets, 2, "effective") == pytest.approx(effective * 2 / effective.sum())
    labels = np.array([[1, 0]] * 25 + [[0, 0]] * 75)
    assert by_label(labels, 2, "balanced") == pytest.approx([3.0, 100.0])


def test_balanced_batches_draw_every_class_alike() -> None:
    classes = np.array([0] * 900 + [1] * 90 + [2] * 10 + [-1] * 50)
    drawn = drawn_alike(range(1050), classes, seed=0)
    counts = np.bincount(classes[drawn] + 1, minlength=4)
    assert counts[0] == 0
    assert counts[1:] == pytest.approx([350] * 3, abs=60)
    assert drawn == drawn_alike(range(1050), classes, seed=0) != drawn_alike(range(1050), classes, seed=1)
