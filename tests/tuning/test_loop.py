"""The training loop learns, stops when it no longer gains, keeps the best, and repeats itself to the byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from tuneworks.core.contracts import Step
from tuneworks.neural.batches import Batch
from tuneworks.neural.loop import Schedule, Training, Ways
from tuneworks.neural.pieces import Piece

SCHEDULE = Schedule(
    epochs=6,
    batch_tokens=48,
    learning_rate=0.02,
    head_learning_rate=0.05,
    weight_decay=0.01,
    warm_up=0.1,
    clip=1.0,
    patience=6,
    minimum_delta=0.0,
    seed=3,
)


class Toy(nn.Module):
    """Says whether a text holds more of token 1 or of token 2."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(10, 8)
        self.frozen = nn.Parameter(torch.ones(8), requires_grad=False)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(8, 2)

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.head(self.dropout(batch.means(self.words(batch.ids) * self.frozen)))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def toy_data() -> tuple[list[Piece], torch.Tensor]:
    random = np.random.default_rng(0)
    pieces = [Piece(i, random.integers(1, 3, random.integers(3, 12)).tolist()) for i in range(120)]
    return pieces, torch.tensor([int(piece.ids.count(1) > piece.ids.count(2)) for piece in pieces])


def training(schedule: Schedule = SCHEDULE, measure: Callable[[], float] | None = None) -> Training:
    network, (pieces, targets) = Toy(), toy_data()

    def loss(batch: Batch) -> torch.Tensor:
        return nn.functional.cross_entropy(network(batch), targets[batch.examples])

    return Training(network, pieces, loss, measure or (lambda: 0.0), schedule)


def losses(steps: list[Step]) -> list[float]:
    return [step.values["loss"] for step in steps if "loss" in step.values]


def test_the_loss_falls() -> None:
    made = losses(list(training().steps()))
    assert np.mean(made[-10:]) < 0.5 * np.mean(made[:10])


def test_steps_are_counted_and_every_epoch_is_validated() -> None:
    steps = list(training().steps())
    trained = [step for step in steps if "loss" in step.values]
    assert [step.step for step in trained] == list(range(1, len(trained) + 1))
    assert {step.total for step in steps} == {len(trained)}
    assert sum("validation" in step.values for step in steps) == SCHEDULE.epochs
    assert all(step.values["tokens_per_second"] > 0 and step.values["gradient_norm"] > 0 for step in trained)


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    rates = [step.values["learning_rate"] for step in training().steps() if "loss" in step.values]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(SCHEDULE.head_learning_rate)
    assert 0 < top < 0.2 * len(rates)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 0.02 * max(rates)


def test_training_stops_when_nothing_is_gained_and_keeps_the_best_weights() -> None:
    said = iter([0.5, 0.9, 0.6, 0.9, 0.1, 1.0])
    made = training(replace(SCHEDULE, patience=2), lambda: next(said))
    after = [save(made.network.state_dict()) for step in made.steps() if "validation" in step.values]
    assert len(after) == 4
    assert made.best is not None
    assert (made.best.epoch, made.best.measure) == (2, 0.9)
    assert save(made.network.state_dict()) == after[1] != after[3]
    assert not made.network.training


def test_a_gain_below_the_smallest_that_counts_is_none() -> None:
    said = iter([0.5, 0.505, 0.508, 0.6])
    made = training(replace(SCHEDULE, patience=2, minimum_delta=0.01), lambda: next(said))
    list(made.steps())
    assert made.best is not None
    assert made.best.epoch == 1


def test_the_same_seed_gives_the_same_bytes_and_another_others() -> None:
    def trained(seed: int) -> bytes:
        made = training(replace(SCHEDULE, seed=seed))
        torch.rand(seed + 5)
        list(made.steps())
        return save(made.network.state_dict())

    assert trained(3) == trained(3)
    assert trained(3) != trained(4)


def test_what_is_frozen_stays_and_the_rest_moves() -> None:
    made = training()
    before = {name: tensor.clone() for name, tensor in made.network.state_dict().items()}
    list(made.steps())
    moved = {name for name, tensor in made.network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"words.weight", "head.weight", "head.bias"}


def test_whoever_runs_the_steps_may_stop() -> None:
    made = training()
    steps = made.steps()
    next(steps)
    steps.close()
    assert made.best is None


def test_accumulated_batches_are_one_large_batch() -> None:
    """Without chance, two batches a step move the weights as both of them at once do."""
    pieces, targets = toy_data()
    moved = []
    for accumulation in (1, 2):
        network = Toy().eval()
        network.dropout.p = 0.0

        def loss(batch: Batch, network: Toy = network) -> torch.Tensor:
            return nn.functional.cross_entropy(network(batch), targets[batch.examples])

        same = [Piece(i, piece.ids[:3]) for i, piece in enumerate(pieces[:32])]
        schedule = replace(SCHEDULE, epochs=1, batch_tokens=96 // accumulation, accumulation=accumulation, warm_up=0.0)
        steps = list(Training(network, same, loss, lambda: 0.0, replace(schedule, optimiser="sgd", clip=99.0)).steps())
        assert sum("loss" in step.values for step in steps) == 1
        moved.append(network.words.weight.detach())
    assert torch.allclose(moved[0], moved[1], atol=1e-6)
    assert not torch.allclose(moved[0], Toy().words.weight, atol=1e-3)


def test_the_average_of_the_weights_is_what_is_measured_and_kept() -> None:
    made = training(replace(SCHEDULE, epochs=1, average=0.8))
    seen: list[torch.Tensor] = []
    made.measure = lambda: seen.append(made.network.head.weight.detach().clone()) or 0.5  # type: ignore[func-returns-value]
    average, own = None, None
    for step in made.steps():
        if "loss" in step.values:
            kept = min(0.8, step.step / (step.step + 9))
            own = made.network.head.weight.detach().clone()
            average = own if average is None else kept * average + (1 - kept) * own
    assert average is not None
    assert torch.allclose(seen[0], average, atol=1e-6)
    assert torch.allclose(made.network.head.weight, average, atol=1e-6)
    assert own is not None
    assert not torch.allclose(own, average, atol=1e-4)


def test_weights_thaw_when_they_are_told_to() -> None:
    network, (pieces, targets) = Toy(), toy_data()

    def thaw(epoch: int) -> None:
        network.words.weight.requires_grad = epoch > 0

    def loss(batch: Batch) -> torch.Tensor:
        return nn.functional.cross_entropy(network(batch), targets[batch.examples])

    made = Training(network, pieces, loss, lambda: 0.0, replace(SCHEDULE, epochs=2, patience=9), Ways(thaw=thaw))
    words = [network.words.weight.detach().clone()]
    words += [network.words.weight.detach().clone() for step in made.steps() if "validation" in step.values]
    assert torch.equal(words[0], words[1])
    assert not torch.equal(words[1], words[2])
