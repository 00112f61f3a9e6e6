"""The linear head: regression on feature blocks with the link that fits the answer, stored as plain arrays.

Arrays of a head: ``weight_0``, ``weight_1``, ... (D, C), one a block, and ``bias`` (C,). They act on raw features:
centring, scaling and temperature are folded in. ``link`` makes scores of their sums: softmax, sigmoid, identity, or
cumulative (ordered classes).
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
from scipy.special import expit, softmax

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Head, Model
from tuneworks.core.types import Output
from tuneworks.statistics.features import Block, Floats, Scale, beside, scale_of, scaled, split_units
from tuneworks.statistics.minimising import Curvature, Memory, carried, curvature_of, minimised
from tuneworks.statistics.row_losses import LOSSES
from tuneworks.statistics.views import blocks_of

FILE = "head.safetensors"
Numbers = NDArray[Any]


def _between_steps(sums: Numbers) -> Numbers:
    """Probabilities of ordered classes (M, C), where column k > 0 says "at least class k"."""
    at_least = np.minimum.accumulate(expit(sums[:, 1:]), axis=1)
    return -np.diff(at_least, axis=1, prepend=1.0, append=0.0)


LINKS: Mapping[str, Callable[[Numbers], Numbers]] = {
    "softmax": lambda sums: softmax(sums, axis=1),
    "sigmoid": expit,
    "identity": lambda sums: sums,
    "cumulative": _between_steps,
}
SCALAR_KINDS = ("number", "similarity")
ADDITIVE = ("softmax", "sigmoid", "identity")


@dataclass(frozen=True)
class LinearHead(Head):
    """A linear layer on the bases' features, and the link that makes scores of it."""

    arrays: Mapping[str, Floats]
    link: str = "softmax"

    def scores(self, model: Model, examples: Examples) -> Any:
        sums = logits(blocks_of(model.bases, model.spec, model.output, examples), self.arrays)
        made = scores_of(sums, self.link, model.output, self.arrays.get("spread"))
        return split_units(made, [len(spans) for spans in examples.units or ()]) if model.output.per_unit else made

    def contributions(self, model: Model, examples: Examples, leaning: Any) -> tuple[Any, Any] | None:
        if not self.adds_up(model, examples):
            return None
        blocks = blocks_of(model.bases, model.spec, model.output, examples)
        made = [_weighted(block, rows) for block, rows in zip(blocks, self.slopes(leaning), strict=True)]
        return beside(made), leaning @ self.arrays["bias"]

    def slopes(self, leaning: Any) -> list[Numbers]:
        """How much a unit of each feature adds to the sums, weighted by ``leaning`` (N, C): (N, D) a block."""
        count = sum(name.startswith("weight_") for name in self.arrays)
        return [leaning @ self.arrays[f"weight_{number}"].T for number in range(count)]

    def adds_up(self, model: Model, examples: Examples) -> bool:
        """Whether an answer is made of whole examples' features, each counted by itself."""
        alone = not (model.output.per_unit or model.output.paired) and examples.marks is None
        return alone and self.link in ADDITIVE


def _weighted(block: Block, slopes: Numbers) -> Block:
    return block.multiply(slopes).tocsr() if sparse.issparse(block) else block * slopes


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
    blocks: Sequence[Block],
    targets: NDArray[Any],
    size: int,
    *,
    link: str = "softmax",
    balanced: bool = False,
    believed: Floats | None = None,
) -> tuple[Problem, list[Scale]]:
    """A problem on blocks brought to one scale, with the scales to fold back.

    ``balanced`` weighs rows by ``M / (C * rows of their class)``, as scikit-learn's ``class_weight="balanced"``;
    ``believed`` (M,) by how far each label is believed.
    """
    scales = [scale_of(block) for block in blocks]
    weights = np.ones(len(targets), dtype=np.float32) if believed is None else believed / believed.mean()
    if balanced and link == "softmax":
        held = np.bincount(targets, weights, minlength=size)
        present = (held > 0).sum()
        weights = weights * (held.sum() / (present * np.maximum(held, 1e-9)))[targets].astype(np.float32)
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


@dataclass(frozen=True)
class Minimum:
    """Where a fit ended, and what it learnt of the way: a near problem's fit begins there and goes on with it."""

    point: Floats
    penalty: float
    memory: Memory
    curvature: Curvature | None


def fit(
    task: Problem, strength: float, start: Floats | None = None, iterations: int = 200, tolerance: float = 1e-6
) -> Floats:
    """Parameters (sum of D + 1, C) that minimise the mean loss + ``|W|^2 / (2 strength M)``.

    The loss is that of the link: cross-entropy for softmax and sigmoid, half the square for identity. ``strength`` is
    scikit-learn's ``C``; ``tolerance``: the relative gain of a step that is negligible.
    """
    before = None if start is None else _start(task, start)
    return fit_on(task, strength, before, iterations=iterations, tolerance=tolerance).point


def fit_on(
    task: Problem, strength: float, before: Minimum | None = None, *, iterations: int = 200, tolerance: float = 1e-6
) -> Minimum:
    """As ``fit``, going on from the minimum of a near problem: another strength, or other rows of the same kind."""
    before = before or _start(task, np.zeros((sum(task.widths) + 1, task.size), dtype=np.float32))
    penalty = 1.0 / (strength * max(1, len(task.targets)))
    stretch = before.curvature.stretch(penalty) if before.curvature else None
    memory = carried(before.memory, penalty - before.penalty) if stretch else []
    point, memory = minimised(
        lambda at: _objective(task, at, penalty), before.point, stretch, iterations, tolerance, memory
    )
    return Minimum(point, penalty, memory, before.curvature)


def _start(task: Problem, point: Floats) -> Minimum:
    return Minimum(point, 0.0, [], curvature_of(task.blocks, _bend(task)))


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


def link_in(file: Path) -> str | None:
    """The link that a file of arrays states; ``None`` where it is no such head."""
    with safe_open(file, framework="np") as held:
        return (held.metadata() or {}).get("link")


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


def _bend(task: Problem) -> float:
    """How much the loss bends in a row's sums where all answers are as likely."""
    if task.link == "identity":
        return 1.0
    return (task.size - 1) / task.size**2 if task.link == "softmax" and task.size > 1 else 0.25


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


def _transposed(block: Block) -> Block:
    return block.T.tocsr() if sparse.issparse(block) and not sparse.isspmatrix_csc(block.T) else block.T
