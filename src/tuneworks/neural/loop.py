"""The training loop: a generator of steps, so that whoever calls it logs, saves and stops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tuneworks.core.contracts import Step
from tuneworks.core.text import Text
from tuneworks.neural.batches import Batch, Piece, batch_of, shuffled_batches


@dataclass(frozen=True)
class Schedule:
    """How long and how strongly to train; ``patience`` counts validations without a gain of ``minimum_delta``."""

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


@dataclass(frozen=True)
class Best:
    """The weights that measured best on validation, and their measure."""

    measure: float
    weights: dict[str, Tensor]
    epoch: int


class Training:
    """A network, its data and its schedule; ``steps()`` trains, ``best`` holds what to keep."""

    def __init__(
        self,
        network: nn.Module,
        pieces: Sequence[Piece],
        loss: Callable[[Batch], Tensor],
        measure: Callable[[], float],
        schedule: Schedule,
        pad: int,
    ) -> None:
        self.network, self.pieces, self.loss, self.measure = network, pieces, loss, measure
        self.schedule, self.pad = schedule, pad
        self.best: Best | None = None

    def measure_start(self) -> float:
        """Measure the network as it is; where every epoch does worse, its weights are the ones to keep."""
        self.best = Best(self._validate(), _copied(self.network), 0)
        return self.best.measure

    def steps(self) -> Iterator[Step]:
        """Train epoch by epoch, validating after each; stops early, and leaves the best weights in the network."""
        schedule = self.schedule
        torch.manual_seed(schedule.seed)
        epochs = [self._groups(epoch) for epoch in range(schedule.epochs)]
        total, done, stale, highest = sum(map(len, epochs)), 0, 0, -math.inf
        optimiser = torch.optim.AdamW(_parameter_groups(self.network, schedule), foreach=True)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _share(step, total, schedule.warm_up))
        for epoch, groups in enumerate(epochs, start=1):
            self.network.train()
            for group in groups:
                began = time.monotonic()
                loss = self._one(group, optimiser)
                scheduler.step()
                done += 1
                tokens = sum(len(piece.ids) for piece in group)
                yield Step(
                    done, total, Text(f"epoch {epoch}", f"第 {epoch} 轮"), _values(loss, scheduler, tokens, began)
                )
            measured = self._validate()
            yield Step(done, total, Text(f"epoch {epoch} validated", f"第 {epoch} 轮验证"), {"validation": measured})
            gained = measured > highest + schedule.minimum_delta
            stale, highest = (0, measured) if gained else (stale + 1, highest)
            if gained and self._is_best(measured):
                self.best = Best(measured, _copied(self.network), epoch)
            if stale >= schedule.patience:
                break
        if self.best is not None:
            self.network.load_state_dict(self.best.weights)
        self.network.eval()

    def _groups(self, epoch: int) -> list[list[Piece]]:
        seed = self.schedule.seed * 1000 + epoch
        return shuffled_batches(self.pieces, self.schedule.batch_tokens, pad=self.pad, seed=seed)

    def _one(self, group: list[Piece], optimiser: torch.optim.Optimizer) -> float:
        loss = self.loss(batch_of(group, self.pad))
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in self.network.parameters() if p.requires_grad], self.schedule.clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return loss.item()

    def _is_best(self, measured: float) -> bool:
        best = self.best
        return best is None or measured > best.measure or (best.epoch == 0 and measured == best.measure)

    def _validate(self) -> float:
        self.network.eval()
        with torch.inference_mode():
            return self.measure()


def _values(loss: float, scheduler: torch.optim.lr_scheduler.LambdaLR, tokens: int, began: float) -> dict[str, float]:
    seconds = max(1e-6, time.monotonic() - began)
    return {"loss": loss, "learning_rate": scheduler.get_last_lr()[-1], "tokens_per_second": tokens / seconds}


def _share(step: int, total: int, warm_up: float) -> float:
    """Linear warm-up over a share of the steps, then linear decay to zero."""
    rise = max(1, math.ceil(total * warm_up))
    return (step + 1) / rise if step < rise else max(0.0, (total - step) / max(1, total - rise))


def _parameter_groups(network: nn.Module, schedule: Schedule) -> list[dict[str, object]]:
    """Weights with decay; biases and norms without; the head (named ``head.``) with its own learning rate."""
    made: list[dict[str, object]] = []
    for in_head in (False, True):
        rate = schedule.head_learning_rate if in_head else schedule.learning_rate
        for flat in (False, True):
            chosen = [
                parameter
                for name, parameter in network.named_parameters()
                if parameter.requires_grad and name.startswith("head.") == in_head and (parameter.ndim < 2) == flat
            ]
            if chosen:
                made.append({"params": chosen, "lr": rate, "weight_decay": 0.0 if flat else schedule.weight_decay})
    return made


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
