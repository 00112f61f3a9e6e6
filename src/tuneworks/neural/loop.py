"""The training loop: a generator of steps, so that whoever calls it logs, saves and stops.

A step's ``state`` holds all that is needed to go on from there; a training that was resumed ends in the same bytes as
one that never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from safetensors.torch import save
from torch import Tensor, nn

from tuneworks.core.contracts import Step
from tuneworks.core.text import Text
from tuneworks.neural import training_state
from tuneworks.neural.batches import Batch, batch_of, shuffled_batches
from tuneworks.neural.gradients import divided, side_by_side
from tuneworks.neural.optimisers import Rates, optimiser_of, share_of_rate
from tuneworks.neural.pieces import Piece
from tuneworks.neural.precision import Halves
from tuneworks.neural.together import ALONE, Together
from tuneworks.neural.training_state import MadeWith, Place

Group = list[Piece]
Loss = Callable[[], Tensor]


@dataclass(frozen=True)
class Schedule:
    """How long and how strongly to train; ``patience`` counts validations without a gain of ``minimum_delta``.

    ``shape``: how the learning rate falls; ``accumulation``: batches a step; ``average``: share kept of the moving
    average of the weights, ``None`` where there is none.
    """

    epochs: int
    batch_tokens: int
    learning_rate: float
    head_learning_rate: float
    weight_decay: float
    warm_up: float
    clip: float
    patience: int
    minimum_delta: float
    seed: int
    optimiser: str = "adamw"
    momentum: float = 0.9
    shape: str = "linear"
    accumulation: int = 1
    average: float | None = None
    layer_decay: float = 1.0

    @property
    def rates(self) -> Rates:
        return Rates(
            self.learning_rate, self.head_learning_rate, self.weight_decay, self.layer_decay, momentum=self.momentum
        )


def plain_gradients(loss: Loss) -> Tensor:
    """The loss, once its gradients are added to the weights'."""
    made = loss()
    made.backward()
    return made.detach()


def asked(batch: Batch) -> Tensor:
    """How much is asked in a batch: its units, or its pieces where these have none."""
    return torch.tensor(float(batch.unit_count or len(batch.pieces)))


@dataclass(frozen=True)
class Ways:
    """What a training may do in a way of its own.

    ``draw``: an epoch's pieces (counted from 0), instead of all once. ``gradients``: how a loss becomes gradients.
    ``thaw``: called before each epoch, to say which weights move in it. ``work``: a hash of the recipe and the data.
    ``resumed``: the state of an earlier attempt's step, to go on from. ``parts``: into how many parts a batch is cut,
    whose plain gradients are computed side by side; each of the processes that train ``together`` has so many.
    ``halves``: what these gradients are computed of, where it is not the weights themselves. ``weigh``: what a batch's
    loss is the mean over, or each of its losses where it is several: by it the batches of a step, and their parts,
    come to the loss of them all at once.
    """

    draw: Callable[[int], Sequence[Piece]] | None = None
    gradients: Callable[[Loss], Tensor] = plain_gradients
    thaw: Callable[[int], None] | None = None
    work: str = ""
    resumed: Mapping[str, bytes] | None = None
    parts: int = 1
    together: Together = ALONE
    halves: Halves | None = None
    weigh: Callable[[Batch], Tensor] = asked


@dataclass(frozen=True)
class Best:
    """The weights that measured best on validation, and their measure."""

    measure: float
    weights: Mapping[str, Tensor]
    epoch: int

    @cached_property
    def bytes(self) -> bytes:
        return save({name: one.contiguous() for name, one in self.weights.items()})


class Training:
    """A network, its data and its schedule; ``steps()`` trains, ``best`` holds what to keep.

    The weights that require a gradient now are those that train, whatever ``Ways.thaw`` says of single epochs.
    """

    def __init__(
        self,
        network: nn.Module,
        pieces: Sequence[Piece],
        loss: Callable[[Batch], Tensor],
        measure: Callable[[], float],
        schedule: Schedule,
        ways: Ways | None = None,
    ) -> None:
        self.network, self.pieces, self.loss, self.measure = network, pieces, loss, measure
        self.schedule, self.ways = schedule, ways or Ways()
        self.weights = {name: one for name, one in network.named_parameters() if one.requires_grad}
        self.average: dict[str, Tensor] | None = None
        self.best: Best | None = None
        self._optimiser = optimiser_of(schedule.optimiser, network, schedule.rates)
        self._top_rates = [group["lr"] for group in self._optimiser.param_groups]
        self._place = Place()
        if self.ways.resumed:
            self._go_on(self.ways.resumed)
        self.ways.together.agree(list(self.weights.values()))

    def measure_start(self) -> float:
        """Measure the network as it is; where every epoch does worse, its weights are the ones to keep."""
        self.best = Best(self.validate(), self._copied(), 0)
        return self.best.measure

    def steps(self) -> Iterator[Step]:
        """Train epoch by epoch, validating after each; stops early, and leaves the best weights in the network."""
        schedule = self.schedule
        if self._place == Place():
            torch.manual_seed(schedule.seed)
        epochs = [self._steps_of(epoch) for epoch in range(schedule.epochs)]
        total = sum(map(len, epochs))
        while self._place.epoch < schedule.epochs and self._place.stale < schedule.patience:
            epoch = self._place.epoch
            said = Text(f"epoch {epoch + 1}", f"第 {epoch + 1} 轮")
            if self.ways.thaw:
                self.ways.thaw(epoch)
            for groups in epochs[epoch][self._place.step :]:
                values = self._learn(groups, total)
                yield Step(self._place.done, total, said, values, self.state, self._at_any_time)
            measured = self._measured()
            said = Text(f"epoch {epoch + 1} validated", f"第 {epoch + 1} 轮验证")
            yield Step(self._place.done, total, said, {"validation": measured}, self.state)
        if self.best is not None:
            self._set(self.best.weights)
        self.network.eval()

    @property
    def _at_any_time(self) -> Callable[[], float] | None:
        """What measures between epochs; where several processes would have to be asked at once, nothing does."""
        return self.validate if self.ways.together.size == 1 else None

    def validate(self) -> float:
        """Measure the weights, or their average where there is one; what is still to come stays as it would be."""
        self.network.eval()
        own = self._copied() if self.average else {}
        self._set(self.average or {})
        with torch.inference_mode():
            measured = self.measure()
        self._set(own)
        return measured

    def state(self) -> Mapping[str, bytes]:
        """All that is needed to go on from the last step; ask before the next one is taken."""
        best = self.best
        place = replace(self._place, best=best.measure if best else None, best_epoch=best.epoch if best else 0)
        groups = {"weights": self.weights, "average": self.average or {}}
        kept = (lambda: best.bytes) if best else None
        return training_state.written(place, self._made_with(), groups, self._optimiser, kept)

    def _go_on(self, files: Mapping[str, bytes]) -> None:
        found = training_state.read(files, self._made_with())
        self._set(found.weights)
        self._place, self.average = replace(found.place, best=None, best_epoch=0), dict(found.average) or None
        if found.best is not None and found.place.best is not None:
            self.best = Best(found.place.best, found.best, found.place.best_epoch)
        training_state.restore(self._optimiser, found.moments)
        torch.set_rng_state(found.random)

    def _made_with(self) -> MadeWith:
        return MadeWith(self.ways.work, self.schedule.batch_tokens, self.ways.together.size)

    def _steps_of(self, epoch: int) -> list[list[Group]]:
        """The groups of pieces of each of an epoch's steps."""
        schedule = self.schedule
        pieces = self.ways.draw(epoch) if self.ways.draw else self.pieces
        groups = shuffled_batches(pieces, schedule.batch_tokens, seed=schedule.seed * 1000 + epoch)
        return [groups[i : i + schedule.accumulation] for i in range(0, len(groups), schedule.accumulation)]

    def _learn(self, groups: list[Group], total: int) -> dict[str, float]:
        """Take one step, and say what it was like."""
        began, place = time.monotonic(), self._place
        self.network.train()
        if self.ways.halves is not None:
            self.ways.halves.follow()
        share = share_of_rate(self.schedule.shape, place.done, total, self.schedule.warm_up)
        for group, top in zip(self._optimiser.param_groups, self._top_rates, strict=True):
            group["lr"] = top * share
        loss = sum(map(self._gradients, self._losses(groups)))
        loss = self.ways.together.add_gradients(self._learning(), loss)
        norm = nn.utils.clip_grad_norm_(self.weights.values(), self.schedule.clip)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._move_average(place.done)
        self._place = replace(place, step=place.step + 1, done=place.done + 1)
        tokens, seconds = sum(len(piece.ids) for group in groups for piece in group), time.monotonic() - began
        return {
            "loss": loss,
            "learning_rate": self._optimiser.param_groups[-1]["lr"],
            "gradient_norm": float(norm),
            "tokens_per_second": tokens / max(1e-6, seconds),
        }

    def _losses(self, groups: list[Group]) -> list[list[Loss]]:
        """By group the losses of its parts, all of which add up to the loss of the whole step.

        What teaches nothing is left out.
        """
        ways = self.ways
        count = ways.parts * ways.together.size if ways.gradients is plain_gradients else 1
        parts = [[(batch, ways.weigh(batch)) for batch in map(batch_of, divided(group, count))] for group in groups]
        whole = torch.stack([weight for part in parts for _, weight in part]).sum(dim=0)
        whole = whole.clamp(min=torch.finfo(whole.dtype).tiny)
        return [
            [partial(self._loss_of, batch, weight / whole) for batch, weight in part if weight.any()] for part in parts
        ]

    def _loss_of(self, batch: Batch, share: Tensor) -> Tensor:
        return (self.loss(batch) * share).sum()

    def _gradients(self, losses: Sequence[Loss]) -> float:
        """Add the gradients of the losses of a group's parts to the weights'; gives their sum."""
        if self.ways.gradients is not plain_gradients:
            return float(sum(map(self.ways.gradients, losses)))
        learning, halves = self._learning(), self.ways.halves
        return side_by_side(losses, learning, self.ways.together, halves.of(learning) if halves else learning)

    def _learning(self) -> list[Tensor]:
        return [weight for weight in self.weights.values() if weight.requires_grad]

    @torch.no_grad()
    def _move_average(self, done: int) -> None:
        """Keep a share of the average; a smaller one at first, where it holds little."""
        if self.schedule.average is None:
            return
        if self.average is None:
            self.average = self._copied()
        kept = min(self.schedule.average, (1 + done) / (10 + done))
        for name, one in self.weights.items():
            self.average[name].lerp_(one, 1 - kept)

    def _measured(self) -> float:
        """Measure after an epoch; keep what is best, count what gained nothing."""
        measured = self.validate()
        place, schedule = self._place, self.schedule
        gained = measured > (-math.inf if place.highest is None else place.highest) + schedule.minimum_delta
        if gained and self._is_best(measured):
            self.best = Best(measured, self._copied(self.average), place.epoch + 1)
        stale, highest = (0, measured) if gained else (place.stale + 1, place.highest)
        self._place = replace(place, epoch=place.epoch + 1, step=0, stale=stale, highest=highest)
        return measured

    def _is_best(self, measured: float) -> bool:
        best = self.best
        return best is None or measured > best.measure or (best.epoch == 0 and measured == best.measure)

    def _copied(self, weights: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        return {name: one.detach().clone() for name, one in (weights or self.weights).items()}

    @torch.no_grad()
    def _set(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.weights[name].copy_(value)
