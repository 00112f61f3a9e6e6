"""A batch in parts, side by side, gives the batch's gradients, and the same bytes each time; dropping is fair."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from tests.tiny import tiny_encoder
from tuneworks.core import registry
from tuneworks.core.types import Recipe
from tuneworks.neural.batches import Batch, batch_of
from tuneworks.neural.dropout import Dropout, drawing_from, dropped, with_own_dropout
from tuneworks.neural.gradients import divided, side_by_side
from tuneworks.neural.loop import Schedule, Training, Ways
from tuneworks.neural.losses import Truth, binary_cross_entropy, cross_entropy, half_square, weight_of
from tuneworks.neural.pieces import Piece
from tuneworks.testing.samples import job_of, output_of, sample_data

PIECES = [Piece(n, [1 + n % 7] * (3 + n % 5)) for n in range(40)]
TOKENS = [
    Piece(n, [1 + (n + i) % 7 for i in range(1 + n % 6)], tuple((i, (i,)) for i in range(n % 6))) for n in range(40)
]
COUNT = sum(len(piece.units) for piece in TOKENS)
HEAVY = torch.tensor([0.1, 1.0, 8.0])
ONE_STEP = Schedule(
    epochs=1,
    batch_tokens=10**6,
    learning_rate=1.0,
    head_learning_rate=1.0,
    weight_decay=0.0,
    warm_up=0.0,
    clip=1e9,
    patience=1,
    minimum_delta=0.0,
    seed=0,
    optimiser="sgd",
    momentum=0.0,
)
IN_MANY_BATCHES = replace(ONE_STEP, batch_tokens=30, accumulation=99)


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


def drawn(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def classes_of(count: int, *, unknown: float = 0.2) -> Tensor:
    """Class numbers of which some are not known."""
    made = (drawn(count) * 3).long()
    made[drawn(2, count)[1] < unknown] = -1
    return made


CLASSES, TAGS = classes_of(40), classes_of(COUNT)
BELIEVED = drawn(40)
LABELS = torch.where(drawn(40, 3) < 0.2, torch.nan, (drawn(3, 40).T < 0.5).float())
NUMBERS = torch.where(drawn(40, 1) < 0.2, torch.nan, drawn(2, 40)[1:].T)
WHOLE: dict[str, tuple[Any, Truth, Callable[[Tensor], Tensor]]] = {
    "classes": (
        cross_entropy,
        Truth(CLASSES, [], HEAVY),
        lambda sums: functional.cross_entropy(sums, CLASSES, weight=HEAVY, ignore_index=-1),
    ),
    "smoothed": (
        partial(cross_entropy, smoothing=0.1),
        Truth(CLASSES, [], HEAVY),
        lambda sums: functional.cross_entropy(sums, CLASSES, weight=HEAVY, ignore_index=-1, label_smoothing=0.1),
    ),
    "believed": (
        cross_entropy,
        Truth(CLASSES.clamp(min=0), [], None, BELIEVED),
        lambda sums: (
            (functional.cross_entropy(sums, CLASSES.clamp(min=0), reduction="none") * BELIEVED).sum() / BELIEVED.sum()
        ),
    ),
    "labels": (
        binary_cross_entropy,
        Truth(LABELS, [], HEAVY),
        lambda sums: functional.binary_cross_entropy_with_logits(
            sums[LABELS.isfinite()],
            LABELS[LABELS.isfinite()],
            pos_weight=HEAVY.expand_as(LABELS)[LABELS.isfinite()],
        ),
    ),
    "numbers": (
        half_square,
        Truth(NUMBERS, []),
        lambda sums: functional.mse_loss(sums[:, :1][NUMBERS.isfinite()], NUMBERS[NUMBERS.isfinite()]) / 2,
    ),
    "tokens": (
        cross_entropy,
        Truth(TAGS, [], HEAVY),
        lambda sums: functional.cross_entropy(sums, TAGS, weight=HEAVY, ignore_index=-1),
    ),
}


class Case:
    """One kind of answer on a small network: what a batch's sums are held against, and the loss of all at once."""

    def __init__(self, kind: str) -> None:
        self._loss, self._truth, self._whole = WHOLE[kind]
        self.network, self._by_unit = network(0.0), kind == "tokens"
        self.pieces = TOKENS if self._by_unit else PIECES
        self._starts = torch.tensor([0, *(len(piece.units) for piece in TOKENS)]).cumsum(0).tolist()

    def sums(self, batch: Batch) -> Tensor:
        states = self.network(batch.ids)
        made = batch.unit_means(states) if self._by_unit else batch.means(states)
        return made[:, : self._truth.targets.shape[1]] if self._truth.targets.ndim > 1 else made

    def truth(self, batch: Batch) -> Truth:
        rows = [self._starts[p.example] + unit for p in batch.pieces for unit, _ in p.units]
        rows = rows if self._by_unit else batch.examples
        believed = None if self._truth.believed is None else self._truth.believed[rows]
        return Truth(self._truth.targets[rows], [], self._truth.weights, believed)

    def loss(self, batch: Batch) -> Tensor:
        return self._loss(self.sums(batch), self.truth(batch))

    def stepped(self, schedule: Schedule, ways: Ways) -> tuple[float, list[Tensor]]:
        """The loss that one step over all pieces tells, and the weights it leaves."""
        training = Training(self.network, self.pieces, self.loss, lambda: 0.0, schedule, ways)
        told = next(training.steps()).values["loss"]
        return told, [weight.detach() for weight in self.network.parameters()]

    def expected(self) -> tuple[float, list[Tensor]]:
        """The same by the stock loss of all at once."""
        made = self._whole(self.sums(batch_of(self.pieces)))
        made.backward()
        weights = self.network.parameters()
        return made.item(), [(one - one.grad).detach() if one.grad is not None else one.detach() for one in weights]


@pytest.mark.parametrize("schedule", [ONE_STEP, IN_MANY_BATCHES], ids=["one batch", "many batches"])
@pytest.mark.parametrize("parts", [1, 2, 5, 40])
@pytest.mark.parametrize("kind", WHOLE)
def test_a_step_is_the_stock_loss_of_all_that_is_known_in_it(kind: str, parts: int, schedule: Schedule) -> None:
    case = Case(kind)
    told, weights = case.stepped(schedule, Ways(parts=parts, weigh=lambda batch: weight_of(case.truth(batch))))
    expected, stock = Case(kind).expected()
    assert told == pytest.approx(expected, rel=1e-5)
    for ours, theirs in zip(weights, stock, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("parts", [1, 3, 40])
def test_where_nothing_is_said_of_it_every_unit_counts_alike(parts: int) -> None:
    tags = TAGS.clamp(min=0)
    made, whole = network(0.0), network(0.0)
    starts = torch.tensor([0, *(len(piece.units) for piece in TOKENS)]).cumsum(0).tolist()

    def loss(batch: Batch) -> Tensor:
        rows = [starts[piece.example] + unit for piece in batch.pieces for unit, _ in piece.units]
        return functional.cross_entropy(batch.unit_means(made(batch.ids)), tags[rows])

    with_units = [piece for piece in TOKENS if piece.units]
    next(Training(made, with_units, loss, lambda: 0.0, ONE_STEP, Ways(parts=parts)).steps())
    batch = batch_of(with_units)
    functional.cross_entropy(batch.unit_means(whole(batch.ids)), tags).backward()
    for ours, theirs in zip(made.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs - theirs.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("parts", [1, 4, 40])
def test_of_several_losses_each_is_a_mean_of_its_own(parts: int) -> None:
    case, whole = Case("classes"), Case("classes")
    one = case.loss
    case.loss = lambda batch: torch.stack([one(batch), case.sums(batch).square().mean()])  # type: ignore[method-assign]

    def weigh(batch: Batch) -> Tensor:
        return torch.stack([weight_of(case.truth(batch)), torch.tensor(float(len(batch.pieces)))])

    told, weights = case.stepped(ONE_STEP, Ways(parts=parts, weigh=weigh))
    batch = batch_of(PIECES)
    expected = whole.loss(batch) + whole.sums(batch).square().mean()
    expected.backward()
    assert told == pytest.approx(expected.item(), rel=1e-5)
    for ours, theirs in zip(weights, whole.network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs - theirs.grad, atol=1e-5, rtol=1e-5)


def test_a_step_that_holds_nothing_known_moves_nothing() -> None:
    case = Case("classes")
    before = [weight.detach().clone() for weight in case.network.parameters()]
    told, after = case.stepped(ONE_STEP, Ways(parts=3, weigh=lambda batch: torch.tensor(0.0)))
    assert told == 0.0
    assert all(map(torch.equal, before, after))


@pytest.fixture(scope="module")
def undropping(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny encoder that drops nothing."""
    folder = tiny_encoder(tmp_path_factory.mktemp("tiny"))
    config = json.loads((folder / "config.json").read_text())
    quiet = {name: 0.0 for name in config if name.endswith("dropout_prob")}
    (folder / "config.json").write_text(json.dumps({**config, **quiet}))
    return f"path:{folder}"


@pytest.mark.parametrize(
    "options",
    [
        {"class_weights": "balanced"},
        {"class_weights": "balanced", "accumulation": 3, "r_drop": 1.0},
        {"class_weights": "balanced", "loss": "focal"},
        {"loss": "crf"},
    ],
    ids=str,
)
def test_as_many_threads_as_there_are_learn_the_same(options: dict[str, Any], undropping: str, tmp_path: Path) -> None:
    data, before = sample_data("token-classification", 40), torch.get_num_threads()
    unlike = [
        {"text": f"{row['text']}{' was late' * (n % 4 * 3)}", "spans": row["spans"][: n % 3]}
        for n, row in enumerate(data.train.rows)
    ]
    data = replace(data, train=data.task.examples(data.spec, unlike))
    plain = {"dropout": 0.0, "mixed_precision": "no", "start_from_linear": False, **options}
    recipe = Recipe(undropping, "full", epochs=2, batch_tokens=100, learning_rate=1e-3, options=plain)

    def told(threads: int) -> list[float]:
        torch.set_num_threads(threads)
        method = registry.load("methods", "full")()
        steps = method.fit(job_of(data, method.complete(recipe, output_of(data)), tmp_path / str(threads)))
        return [step.values["loss"] for step in steps if "loss" in step.values]

    try:
        alone, many = told(1), told(6)
    finally:
        torch.set_num_threads(before)
    assert len(alone) > 1
    assert many == pytest.approx(alone, rel=1e-3)


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
