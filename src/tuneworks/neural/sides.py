"""A network with its linear head, and one split of the data as the network learns from it and is measured by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job
from tuneworks.core.types import Output
from tuneworks.neural import heads
from tuneworks.neural.batches import Batch
from tuneworks.neural.chains import ChainHead
from tuneworks.neural.devices import device, numbers_of
from tuneworks.neural.dropout import with_own_dropout
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.losses import Truth
from tuneworks.neural.together import ALONE, Together
from tuneworks.neural.views import View, view_of
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics import calibration, chains, linear, positions
from tuneworks.statistics.features import Floats, split_units
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.statistics.views import roles_of

TOKENS_AT_ONCE = 512
TARGETS: Mapping[str, type] = {"softmax": np.int64, "positions": np.int64}
"""By link: what targets are where they are not measures."""


@dataclass(frozen=True)
class Unit:
    """What a network's sums are counted in: ``raw = sum * deviation + centre``, each (C,)."""

    centre: Floats
    deviation: Floats

    def raw(self, sums: Any) -> Any:
        return sums * self.deviation + self.centre

    def standard(self, values: Any) -> Any:
        return (values - self.centre) / self.deviation


class Network(nn.Module):
    """The encoder (as it is pooled for training: not normalised) and a linear head on what a view sees."""

    def __init__(self, view: View, size: int, dropout: float) -> None:
        super().__init__()
        self.encoder = view.encoder
        self.encoder.settings = replace(view.encoder.settings, normalise=False)
        self.dropout = nn.Dropout(dropout if view.drops else 0.0)
        self.head: Any = nn.Linear(view.width, size)
        view.begin(self.head)

    def forward(self, view: View, batch: Batch) -> Tensor:
        """The sums of a batch's rows (M, C)."""
        return view.sums(self.head, self.dropout(view.states(batch)), batch)


class Side:
    """One split: what is seen of it, and its targets in the network's own unit.

    ``link``: what makes scores of the network's sums, where it is not the answer's own. ``believed``: how much each
    target counts, where not all count alike. ``together``: the processes that measure it together.
    """

    believed: Tensor | None = None
    together: Together = ALONE

    def __init__(self, encoder: Encoder, job: Job, examples: Examples, unit: Unit, link: str | None = None) -> None:
        use, _ = job.bases[0]
        columns = [examples.inputs[role] for role in roles_of(use, job.spec)]
        self.view = view_of(job.output.kind, encoder, columns, examples)
        self.output, self.unit, self.targets = job.output, unit, targets_of(job.output, examples)
        self.link = link or link_of(job.output)
        self._targets = torch.from_numpy(np.ascontiguousarray(in_unit(self.targets, unit))).to(device())

    def truth(self, batch: Batch, weights: Tensor | None) -> Truth:
        """What a batch's sums are held against."""
        rows = self.view.answered(batch)
        believed = None if self.believed is None else self.believed[rows]
        return Truth(self._targets[rows], self.view.counts(batch), weights, believed)

    def sums(self, network: Network) -> Floats:
        """The sums before the link of all rows (M, C), in the target's own unit."""
        made = np.zeros((int(self.view.starts[-1]), self.output.size), np.float32)

        def answer(batch: Batch) -> None:
            made[self.view.rows(batch)] = numbers_of(network(self.view, batch))

        batches = list(self.view.encoder.batches(self.view.pieces, TOKENS_AT_ONCE))
        for _ in side_by_side(answer, self.together.share(batches)):
            pass
        made = self.together.filled(made)
        if isinstance(network.head, ChainHead):
            return network.head.together(made, self.view.lengths)
        return np.asarray(self.unit.raw(made), np.float32)

    def scores(self, network: Network) -> Any:
        """Score arrays as the served head gives them."""
        return SCORES[self.link](self, self.sums(network))

    def temperature(self, network: Network) -> float:
        """What the sums are divided by so that their probabilities can be believed; 1 where the link gives none."""
        fit = TEMPERATURES.get(self.link)
        return fit(self, self.sums(network)) if fit else 1.0


def network_of(train: Side, dropout: float, link: str) -> Network:
    """The encoder and a head whose sums the link reads."""
    size = train.output.size
    network = Network(train.view, size, dropout)
    if link == heads.LINK:
        network.head = heads.CumulativeHead(train.view.width, size)
    if link == chains.LINK:
        usual = chains.usual_transitions(train.targets, train.view.lengths, size)
        network.head = ChainHead(train.view.width, usual)
    with_own_dropout(network)
    return network.to(device())


def link_of(output: Output) -> str:
    """What makes scores of a head's sums."""
    return shape_of(output.kind).link


def targets_of(output: Output, examples: Examples) -> NDArray[Any]:
    """The targets as one array: a row a unit where units are answered one by one, else a row an example."""
    link = link_of(output)
    parts = examples.targets
    flat = np.concatenate([*parts, []]) if output.per_unit and link == "softmax" else np.asarray(parts)
    return flat.astype(TARGETS.get(link, np.float32))


def known(targets: NDArray[Any]) -> NDArray[np.bool_]:
    """The rows that teach something: those with a class number, or whose numbers there are."""
    if targets.dtype == np.int64:
        return targets >= 0
    return np.isfinite(targets.reshape(len(targets), -1)).all(axis=1)


def unit_of(output: Output, examples: Examples) -> Unit:
    """Numbers are learnt with mean 0 and deviation 1; what has a link to probabilities is as it is."""
    plain = Unit(np.zeros(output.size, np.float32), np.ones(output.size, np.float32))
    if link_of(output) != "identity":
        return plain
    targets = targets_of(output, examples)
    values = targets[known(targets)].reshape(-1, output.size)
    if not len(values):
        return plain
    deviation = values.std(axis=0)
    return Unit(values.mean(axis=0), np.where(deviation < 1e-8, 1.0, deviation).astype(np.float32))


def in_unit(targets: NDArray[Any], unit: Unit) -> NDArray[Any]:
    """Measures in the network's unit; numbers of classes and of rows as they are."""
    if targets.dtype == np.int64:
        return targets
    return np.asarray(unit.standard(targets.reshape(len(targets), -1)), np.float32)


def _linear_scores(side: Side, sums: Floats) -> Any:
    made = linear.scores_of(sums, side.link, side.output)
    return split_units(made, side.view.lengths) if side.output.per_unit else made


def _chain_scores(side: Side, logs: Floats) -> Any:
    return split_units(softmax(logs, axis=1), side.view.lengths)


def _position_scores(side: Side, sums: Floats) -> Any:
    return positions.scores_of(sums, side.view.lengths)


def _softmax_temperature(side: Side, sums: Floats) -> float:
    return calibration.fit_temperature(sums, side.targets)


def _position_temperature(side: Side, sums: Floats) -> float:
    return positions.fit_temperature(sums, side.targets, side.view.lengths)


SCORES: Mapping[str, Callable[[Side, Floats], Any]] = {
    **dict.fromkeys(linear.LINKS, _linear_scores),
    "positions": _position_scores,
    chains.LINK: _chain_scores,
}
TEMPERATURES: Mapping[str, Callable[[Side, Floats], float]] = {
    "softmax": _softmax_temperature,
    chains.LINK: _softmax_temperature,
    "positions": _position_temperature,
}
