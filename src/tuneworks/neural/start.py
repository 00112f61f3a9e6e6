"""The head before the first step: linear regression on what the encoder says of the rows as it is."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tuneworks.core.contracts import Job, Step
from tuneworks.core.text import Text
from tuneworks.neural import heads
from tuneworks.neural.batches import Batch
from tuneworks.neural.sides import TOKENS_AT_ONCE, Network, Side, Unit, known
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics import linear
from tuneworks.statistics.features import Floats

START_UNITS = 40_000


def start(network: Network, job: Job, unit: Unit, link: str) -> Generator[Step, None, None]:
    """Set the head to linear regression on the encoder's own (not normalised) states of some rows."""
    average = np.mean([len(units) for units in job.train.units or ((0,),)])
    count = min(len(job.train), int(START_UNITS / average) if job.output.per_unit else START_UNITS)
    random = np.random.default_rng(job.recipe.seed)
    some = job.train.take(sorted(random.permutation(len(job.train))[:count].tolist()))
    side = Side(network.encoder, job, some, unit, link)
    states = np.zeros((int(side.view.starts[-1]), side.view.width), np.float32)
    network.eval()

    def encode(batch: Batch) -> int:
        states[side.view.rows(batch)] = side.view.states(batch).numpy()
        return len(batch.pieces)

    done = 0
    for encoded in side_by_side(encode, network.encoder.batches(side.view.pieces, TOKENS_AT_ONCE)):
        done += encoded
        yield Step(done, len(side.view.pieces), Text("frozen features for the head's start", "为输出层计算冻结特征"))
    rows, targets = side.view.regression(states, side.targets)
    able = known(targets)
    BEGINNINGS.get(link, _as_it_is)(network, side, rows[able], targets[able])


def _as_it_is(network: Network, side: Side, rows: Floats, targets: NDArray[Any]) -> None:
    head = _regression(rows, targets, side.output.size, side.link)
    unit = side.unit
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy((side.view.fitted(head["weight_0"]) / unit.deviation).T))
        network.head.bias.copy_(torch.from_numpy(unit.standard(head["bias"])))


def _in_order(network: Network, side: Side, rows: Floats, targets: NDArray[Any]) -> None:
    """Whether a row is at least of each class but the first, each a regression of its own."""
    at_least = (targets[:, None] >= np.arange(1, side.output.size)).astype(np.float32)
    head = _regression(rows, at_least, side.output.size - 1, "sigmoid")
    network.head.begin_with(torch.from_numpy(head["weight_0"].T.copy()), torch.from_numpy(head["bias"]))


def _regression(rows: Floats, targets: NDArray[Any], size: int, link: str) -> Mapping[str, Floats]:
    task, scales = linear.problem([rows], targets, size, link=link)
    return linear.to_head(task, linear.fit(task, 1.0), scales)


BEGINNINGS = {heads.LINK: _in_order}
"""By link, where the regression is not of the sums themselves."""
