"""The head before the first step: linear regression on what the encoder says of the rows as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save

from tuneworks.core.bounded import in_use, trim
from tuneworks.core.contracts import Job, Step
from tuneworks.core.files import write_atomically
from tuneworks.core.text import Text
from tuneworks.neural import heads
from tuneworks.neural.batches import Batch
from tuneworks.neural.devices import numbers_of
from tuneworks.neural.sides import TOKENS_AT_ONCE, Network, Side, Unit, known, link_of
from tuneworks.neural.together import ALONE, Together
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics import linear
from tuneworks.statistics.features import Floats

START_UNITS = 40_000


def start(network: Network, job: Job, unit: Unit, link: str, together: Together = ALONE) -> Generator[Step, None, None]:
    """Set the head to linear regression on the encoder's own (not normalised) states of some rows.

    It is kept in the job's cache by all that it depends on: what begins alike, as trials do, learns it once.
    """
    average = np.mean([len(units) for units in job.train.units or ((0,),)])
    count = min(len(job.train), int(START_UNITS / average) if job.output.per_unit else START_UNITS)
    random = np.random.default_rng(job.recipe.seed)
    some = job.train.take(sorted(random.permutation(len(job.train))[:count].tolist()))
    side = Side(network.encoder, job, some, unit, link)
    states = np.zeros((int(side.view.starts[-1]), side.view.width), np.float32)
    network.eval()
    kept = None if job.cache is None else job.cache / "starts" / f"{_key(network, side)}.safetensors"
    if together.agreed(kept is not None and kept.exists()):
        assert kept is not None
        network.head.load_state_dict(load(kept.read_bytes()))
        return

    def encode(batch: Batch) -> int:
        states[side.view.rows(batch)] = numbers_of(side.view.states(batch))
        return len(batch.pieces)

    done = 0
    batches = together.share(list(network.encoder.batches(side.view.pieces, TOKENS_AT_ONCE)))
    total = sum(len(batch.pieces) for batch in batches)
    for encoded in side_by_side(encode, batches):
        done += encoded
        yield Step(done, total, Text("frozen features for the head's start", "为输出层计算冻结特征"))
    rows, targets = side.view.regression(together.filled(states), side.targets)
    able = known(targets)
    BEGINNINGS.get(link, _as_it_is)(network, side, rows[able], targets[able])
    if kept is not None and not together.rank:
        with in_use(kept.parent, kept.stem):
            write_atomically(kept, save(network.head.state_dict()))
            trim(kept.parent)


def _key(network: Network, side: Side) -> str:
    """A hash of the encoder's weights, of the rows as it sees them, and of what is to be learnt of them."""
    stated = (side.link, side.output, type(side.view).__name__)
    made = hashlib.sha256(repr(stated).encode())
    for name, tensor in sorted(network.encoder.state_dict().items()):
        made.update(name.encode())
        made.update(np.ascontiguousarray(numbers_of(tensor)).data)
    for piece in side.view.pieces:
        made.update(repr((piece.example, piece.ids, piece.units)).encode())
    for array in (side.targets, side.unit.centre, side.unit.deviation):
        made.update(np.ascontiguousarray(array).data)
    return made.hexdigest()[:32]


def _as_it_is(network: Network, side: Side, rows: Floats, targets: NDArray[Any]) -> None:
    head = _regression(rows, targets, side.output.size, link_of(side.output))
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
