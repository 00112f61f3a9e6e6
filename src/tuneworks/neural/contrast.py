"""Texts that share a label drawn together and others pushed apart: supervised contrast (Khosla et al. 2020,
arXiv 2004.11362). Each row is held against its batch alone, so the pairs grow with the rows, not with their square.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tuneworks.core.contracts import Step
from tuneworks.core.text import Text
from tuneworks.neural.batches import Batch, batch_of
from tuneworks.neural.devices import device, numbers_of
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.frozen import below
from tuneworks.neural.optimisers import Rates, layers_below_top, optimiser_of, share_of_rate
from tuneworks.neural.pieces import Piece
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics.features import Floats

TEMPERATURE = 0.07
MATES = 4  # rows of one label that come together
ROWS_A_BATCH = 64
NEVER = -1e9
TOKENS_AT_ONCE = 512


@dataclass(frozen=True)
class Contrast:
    """How long and how strongly the top ``layers`` of an encoder learn."""

    epochs: int
    layers: int
    learning_rate: float
    seed: int
    warm_up: float = 0.1
    clip: float = 1.0
    weight_decay: float = 0.01


def contrasted(
    encoder: Encoder, pieces: list[Piece], holds: NDArray[Any], how: Contrast, cache: Path | None
) -> Generator[Step, None, None]:
    """Train the encoder's top layers on pieces whose labels ``holds`` (N, C) says, 1 where one holds."""
    depth = layers_below_top(encoder)
    for name, weight in encoder.named_parameters():
        weight.requires_grad = depth[name] < how.layers
    frozen = max(0, len(encoder.layers) - how.layers) if encoder.layers else None
    encoder.eval()
    with below(encoder, frozen, pieces, cache) as filling:
        for done, total in filling:
            yield Step(done, total, Text("frozen layers read once", "冻结层只计算一次"))
        yield from _trained(encoder, pieces, torch.from_numpy(holds.astype(np.float32)).to(device()), how)


def pooled(encoder: Encoder, pieces: list[Piece]) -> Floats:
    """The features of the pieces' texts (N, D)."""
    made = np.zeros((len(pieces), encoder.width), np.float32)

    def encode(batch: Batch) -> None:
        made[batch.examples] = numbers_of(encoder.pooled(batch))

    for _ in side_by_side(encode, encoder.batches(pieces, TOKENS_AT_ONCE)):
        pass
    return made


def _trained(encoder: Encoder, pieces: list[Piece], holds: Tensor, how: Contrast) -> Generator[Step, None, None]:
    torch.manual_seed(how.seed)
    random = np.random.default_rng(how.seed)
    batches = [batch for _ in range(how.epochs) for batch in _batches(numbers_of(holds), random)]
    optimiser = optimiser_of("adamw", encoder, Rates(how.learning_rate, how.learning_rate, how.weight_decay))
    learning = [weight for weight in encoder.parameters() if weight.requires_grad]
    rates = [group["lr"] for group in optimiser.param_groups]
    for number, batch in enumerate(batches):
        share = share_of_rate("linear", number, len(batches), how.warm_up)
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * share
        loss = _loss(encoder.pooled(batch_of([pieces[i] for i in batch])), holds[batch])
        loss.backward()
        nn.utils.clip_grad_norm_(learning, how.clip)
        optimiser.step()
        optimiser.zero_grad()
        yield Step(number + 1, len(batches), Text("contrast", "对比训练"), {"loss": float(loss.detach())})


def _batches(holds: NDArray[np.float32], random: np.random.Generator) -> Iterator[list[int]]:
    """The rows of an epoch: some mates of one label together, labels mixed."""
    drawn = (holds * random.random(holds.shape)).argmax(axis=1)  # one of a row's labels
    groups = []
    for label in np.unique(drawn):
        rows = random.permutation(np.flatnonzero(drawn == label))
        groups += [rows[begin : begin + MATES] for begin in range(0, len(rows), MATES)]
    order = np.concatenate([groups[i] for i in random.permutation(len(groups))])
    for begin in range(0, len(order), ROWS_A_BATCH):
        yield order[begin : begin + ROWS_A_BATCH].tolist()


def _loss(features: Tensor, holds: Tensor) -> Tensor:
    """The mean over rows that have mates in the batch of how improbable these are among all others."""
    pooled = functional.normalize(features, dim=1)
    itself = torch.eye(len(pooled), dtype=torch.bool, device=pooled.device)
    logs = functional.log_softmax((pooled @ pooled.T / TEMPERATURE).masked_fill(itself, NEVER), dim=1)
    mates = ((holds @ holds.T > 0) & ~itself).float()
    counts = mates.sum(dim=1)
    has = counts > 0
    return -((logs * mates).sum(dim=1)[has] / counts[has]).sum() / max(1, int(has.sum()))
