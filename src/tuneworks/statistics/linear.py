"""The linear head: regression on feature blocks with the link that fits the answer, stored as plain arrays.

Arrays of a head: ``weight_0``, ``weight_1``, ... (D, C), one a block, and ``bias`` (C,). They act on raw features:
centring, scaling and temperature are folded in. ``link`` makes scores of their sums: softmax, sigmoid or identity.
``spread`` (C, Q), where there is one, is what is added to each of C numbers to give its Q quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save
from scipy import sparse
from scipy.special import expit, log_softmax, softmax

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Head, Model
from tuneworks.core.types import Output
from tuneworks.statistics.features import Block, Floats, Scale, scale_of, scaled, split_units
from tuneworks.statistics.views import blocks_of

FILE = "head.safetensors"
HISTORY = 8
Numbers = NDArray[Any]
LINKS: Mapping[str, Callable[[Numbers], Numbers]] = {
    "softmax": lambda sums: softmax(sums, axis=1),
    "sigmoid": expit,
    "identity": lambda sums: sums,
}
SCALAR_KINDS = ("number", "similarity")


@dataclass(frozen=True)
class LinearHead(Head):
    """A linear layer on the bases' features, and the link that makes scores of it."""

    arrays: Mapping[str, Floats]
    link: str = "softmax"

    def scores(self, model: Model, examples: Examples) -> Any:
        sums = logits(blocks_of(model.bases, model.spec, model.output, examples), self.arrays)
        made = scores_of(sums, self.link, model.output, self.arrays.get("spread"))
        return split_units(made, [len(spans) for spans in examples.units or ()]) if model.output.per_unit else made


def scores_of(sums: Numbers, link: str, output: Output, spread: Floats | None = None) -> Numbers:
    """Score arrays of sums (M, C): (M, C), (M, C, Q) with a spread, or (M,) where the output is one number."""
    made = LINKS[link](sums)
    if spread is not None:
        return made[:, :, None] + spread[None]
    return made[:, 0] if output.kind in SCALAR_KINDS else made


@dataclass(frozen=True)
class Problem:
    """Regression: scaled blocks (M, D), targets, row weights (M,) with mean one, C outputs, and the link.

    ``targets``: class numbers (M,) for softmax; (M, 3) for positions; else (M, C), for identity brought to mean 0 and
    deviation 1 by ``centre`` and ``deviation`` (C,). Of positions an example weighs as much as another, not a unit.
    """

    blocks: Sequence[Block]
    targets: NDArray[Any]
    weights: Floats
    size: int
    link: str = "softmax"
    centre: Floats | None = None
    deviation: Floats | None = None

    @property
    def widths(self) -> list[int]:
        return [block.shape[1] for block in self.blocks]


def logits(blocks: Sequence[Block], head: Mapping[str, Floats]) -> Floats:
    """Sums before the link (M, C)."""
    total = np.asarray(blocks[0] @ head["weight_0"]) + head["bias"]
    for number, block in enumerate(blocks[1:], start=1):
        total += np.asarray(block @ head[f"weight_{number}"])
    return total.astype(np.float32, copy=False)


def problem(
    blocks: Sequence[Block], targets: NDArray[Any], size: int, *, link: str = "softmax", balanced: bool = False
) -> tuple[Problem, list[Scale]]:
    """A problem on blocks brought to one scale, with the scales to fold back.

    ``balanced`` weighs rows by ``M / (C * rows of their class)``, as scikit-learn's ``class_weight="balanced"``.
    """
    scales = [scale_of(block) for block in blocks]
    weights = np.ones(len(targets), dtype=np.float32)
    if balanced and link == "softmax":
        counts = np.bincount(targets, minlength=size)
        present = (counts > 0).sum()
        weights = (len(targets) / (present * np.maximum(counts, 1)))[targets].astype(np.float32)
    ready = [scaled(b, s) for b, s in zip(blocks, scales, strict=True)]
    if link == "softmax":
        return Problem(ready, targets, weights, size), scales
    if link == "positions":
        return Problem(ready, targets, weights * (len(targets) / len(np.unique(targets[:, 2]))), size, link), scales
    wide = np.asarray(targets, dtype=np.float32).reshape(len(targets), size)
    if link == "sigmoid":
        return Problem(ready, wide, weights, size, link), scales
    centre, deviation = wide.mean(axis=0), wide.std(axis=0)
    deviation[deviation < 1e-8] = 1.0
    return Problem(ready, (wide - centre) / deviation, weights, size, link, centre, deviation), scales


def fit(task: Problem, strength: float, start: Floats | None = None, iterations: int = 200) -> Floats:
    """Parameters (sum of D + 1, C) that minimise the mean loss + ``|W|^2 / (2 strength M)``.

    The loss is that of the link: cross-entropy for softmax and sigmoid, half the square for identity. ``strength`` is
    scikit-learn's ``C``. L-BFGS with a backtracking line search (Nocedal and Wright, Numerical
    Optimization, algorithm 7.5), in single precision; stops when the gradient or the gain is negligible.
    """
    point = np.zeros((sum(task.widths) + 1, task.size), dtype=np.float32) if start is None else start.copy()
    penalty = 1.0 / (strength * max(1, len(task.targets)))
    value, gradient = _objective(task, point, penalty)
    memory: list[tuple[Floats, Floats, float]] = []
    for _ in range(iterations):
        direction = -_two_loops(gradient, memory)
        slope = float(np.vdot(direction, gradient))
        if slope >= 0:
            memory, direction = [], -gradient
            slope = float(np.vdot(direction, gradient))
        length = 1.0 if memory else min(1.0, 1.0 / (float(np.linalg.norm(gradient)) + 1e-12)) * 5.0
        for _ in range(30):
            candidate = point + np.float32(length) * direction
            new_value, new_gradient = _objective(task, candidate, penalty)
            if new_value <= value + 1e-4 * length * slope:
                break
            length *= 0.5
        else:
            break
        step, change = candidate - point, new_gradient - gradient
        curvature = float(np.vdot(step, change))
        if curvature > 1e-10:
            memory = [*memory, (step, change, curvature)][-HISTORY:]
        gain, point, value, gradient = value - new_value, candidate, new_value, new_gradient
        if np.abs(gradient).max() < 1e-5 or gain < 1e-6 * max(abs(value), 1e-3):
            break
    return point


def to_head(task: Problem, point: Floats, scales: Sequence[Scale], temperature: float = 1.0) -> dict[str, Floats]:
    """Head arrays for raw features, from parameters on scaled ones."""
    head: dict[str, Floats] = {}
    bias = point[-1].astype(np.float64)
    for number, (rows, scale) in enumerate(zip(_blocks_of(point, [len(s.mean) for s in scales]), scales, strict=True)):
        weight = rows * scale.factor[:, None]
        bias -= scale.mean.astype(np.float64) @ weight
        ready = np.asarray(_unscaled(task, weight) / temperature, dtype=np.float32)
        head[f"weight_{number}"] = np.ascontiguousarray(scale.widened(ready))
    centre = 0.0 if task.centre is None else task.centre
    head["bias"] = (_unscaled(task, bias) / temperature + centre).astype(np.float32)
    return head


def raw_logits(task: Problem, point: Floats) -> Floats:
    """Sums before the link (M, C) of a problem's own scaled blocks."""
    total = np.repeat(point[-1][None, :], task.blocks[0].shape[0], axis=0)
    for block, rows in zip(task.blocks, _blocks_of(point, task.widths), strict=True):
        total += np.asarray(block @ rows)
    return total


def save_head(head: Mapping[str, Floats], link: str = "softmax") -> bytes:
    """Head arrays and their link as safetensors bytes."""
    return save({name: np.ascontiguousarray(array) for name, array in head.items()}, metadata={"link": link})


def load_head(files: Mapping[str, Path]) -> LinearHead:
    """The linear head among a model's files."""
    with safe_open(files[FILE], framework="np") as held:
        arrays = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118 (not a mapping)
        return LinearHead(arrays, (held.metadata() or {}).get("link", "softmax"))


def _unscaled(task: Problem, array: Any) -> Any:
    return array if task.deviation is None else array * task.deviation


def _blocks_of(point: Floats, widths: Sequence[int]) -> Iterator[Floats]:
    begin = 0
    for width in widths:
        yield point[begin : begin + width]
        begin += width


def _objective(task: Problem, point: Floats, penalty: float) -> tuple[float, Floats]:
    rows = len(task.targets)
    losses, error = LOSSES[task.link](raw_logits(task, point), task.targets)
    value = float(np.dot(losses.astype(np.float64), task.weights)) / rows
    value += 0.5 * penalty * float(np.vdot(point[:-1], point[:-1]))
    error *= (task.weights / rows)[:, None]
    gradient = np.empty_like(point)
    begin = 0
    for block in task.blocks:
        end = begin + block.shape[1]
        gradient[begin:end] = _transposed(block) @ error
        begin = end
    gradient[:-1] += np.float32(penalty) * point[:-1]
    gradient[-1] = error.sum(axis=0)
    return value, gradient


def _cross_entropy(sums: Numbers, targets: Numbers) -> tuple[Numbers, Numbers]:
    rows = np.arange(len(targets))
    log_probabilities = log_softmax(sums, axis=1)
    losses = -log_probabilities[rows, targets]
    error = np.exp(log_probabilities, out=log_probabilities)
    error[rows, targets] -= 1.0
    return losses, error


def _binary_cross_entropy(sums: Numbers, targets: Numbers) -> tuple[Numbers, Numbers]:
    return (np.logaddexp(0, sums) - targets * sums).sum(axis=1), expit(sums) - targets


def _half_square(sums: Numbers, targets: Numbers) -> tuple[Numbers, Numbers]:
    error = sums - targets
    return 0.5 * (error**2).sum(axis=1), error


def _cross_entropy_of_positions(sums: Numbers, targets: Numbers) -> tuple[Numbers, Numbers]:
    """An example's loss stands at its first unit; no answer has a sum of 0.

    ``targets`` (M, 3): whether a unit is the first, the last of the answer, and the number of its example.
    """
    flags, owners = targets[:, :2], targets[:, 2]
    begins = np.flatnonzero(np.append(True, owners[1:] != owners[:-1]))
    lengths = np.diff(np.append(begins, len(sums)))
    top = np.maximum(np.maximum.reduceat(sums, begins), 0)
    each = np.exp(sums - np.repeat(top, lengths, axis=0))
    total = np.add.reduceat(each, begins) + np.exp(-top)
    losses = np.zeros(len(sums))
    losses[begins] = (top + np.log(total) - np.add.reduceat(sums * flags, begins)).sum(axis=1)
    return losses, (each / np.repeat(total, lengths, axis=0) - flags).astype(np.float32)


LOSSES = {
    "softmax": _cross_entropy,
    "sigmoid": _binary_cross_entropy,
    "identity": _half_square,
    "positions": _cross_entropy_of_positions,
}
"""By link: the loss of every row (M,), and its gradient by the sums (M, C)."""


def _transposed(block: Block) -> Block:
    return block.T.tocsr() if sparse.issparse(block) and not sparse.isspmatrix_csc(block.T) else block.T


def _two_loops(gradient: Floats, memory: Sequence[tuple[Floats, Floats, float]]) -> Floats:
    direction = gradient.copy()
    alphas = []
    for step, change, curvature in reversed(memory):
        alpha = float(np.vdot(step, direction)) / curvature
        direction -= np.float32(alpha) * change
        alphas.append(alpha)
    if memory:
        step, change, curvature = memory[-1]
        direction *= np.float32(curvature / float(np.vdot(change, change)))
    for (step, change, curvature), alpha in zip(memory, reversed(alphas), strict=True):
        beta = float(np.vdot(change, direction)) / curvature
        direction += np.float32(alpha - beta) * step
    return direction
