"""The linear head: softmax regression on feature blocks, fitted by L-BFGS, stored as plain arrays.

Arrays of a head: ``weight_0``, ``weight_1``, ... (D, C), one a block, and ``bias`` (C,). They act on raw features:
centring, scaling and temperature are folded in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save
from scipy import sparse
from scipy.special import log_softmax, softmax

from tuneworks.core.contracts import Examples, Model
from tuneworks.statistics.features import Block, Floats, Scale, scale_of, scaled, split_units

HISTORY = 8


@dataclass(frozen=True)
class Problem:
    """Softmax regression: scaled blocks (M, D), targets (M,), row weights (M,) with mean one, classes C."""

    blocks: Sequence[Block]
    targets: NDArray[np.int64]
    weights: Floats
    classes: int

    @property
    def widths(self) -> list[int]:
        return [block.shape[1] for block in self.blocks]


def logits(blocks: Sequence[Block], head: Mapping[str, Floats]) -> Floats:
    """Scores before the softmax (M, C)."""
    total = np.asarray(blocks[0] @ head["weight_0"]) + head["bias"]
    for number, block in enumerate(blocks[1:], start=1):
        total += np.asarray(block @ head[f"weight_{number}"])
    return total.astype(np.float32, copy=False)


def probabilities(blocks: Sequence[Block], head: Mapping[str, Floats]) -> Floats:
    """Class probabilities (M, C)."""
    return softmax(logits(blocks, head), axis=1)


def score(model: Model, examples: Examples) -> Any:
    """A model's score arrays on examples: (N, C) probabilities, or N arrays (L, C) where units are scored."""
    units = examples.units if model.output.per_unit else None
    role_of = {column: role for role, column in model.spec.inputs.items()}
    blocks = [base.features(examples.inputs[role_of[use.column]], units) for use, base in model.bases]
    made = probabilities(blocks, model.head)
    return made if units is None else split_units(made, [len(spans) for spans in units])


def problem(
    blocks: Sequence[Block], targets: NDArray[np.int64], classes: int, *, balanced: bool = False
) -> tuple[Problem, list[Scale]]:
    """A problem on blocks brought to one scale, with the scales to fold back.

    ``balanced`` weighs rows by ``M / (C * rows of their class)``, as scikit-learn's ``class_weight="balanced"``.
    """
    scales = [scale_of(block) for block in blocks]
    weights = np.ones(len(targets), dtype=np.float32)
    if balanced:
        counts = np.bincount(targets, minlength=classes)
        present = (counts > 0).sum()
        weights = (len(targets) / (present * np.maximum(counts, 1)))[targets].astype(np.float32)
    made = Problem([scaled(b, s) for b, s in zip(blocks, scales, strict=True)], targets, weights, classes)
    return made, scales


def fit(task: Problem, strength: float, start: Floats | None = None, iterations: int = 200) -> Floats:
    """Parameters (sum of D + 1, C) that minimise mean cross-entropy + ``|W|^2 / (2 strength M)``.

    ``strength`` is scikit-learn's ``C``. L-BFGS with a backtracking line search (Nocedal and Wright, Numerical
    Optimization, algorithm 7.5), in single precision; stops when the gradient or the gain is negligible.
    """
    point = np.zeros((sum(task.widths) + 1, task.classes), dtype=np.float32) if start is None else start.copy()
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


def to_head(point: Floats, scales: Sequence[Scale], temperature: float = 1.0) -> dict[str, Floats]:
    """Head arrays for raw features, from parameters on scaled ones."""
    head: dict[str, Floats] = {}
    bias = point[-1].astype(np.float64)
    for number, (rows, scale) in enumerate(zip(_blocks_of(point, [len(s.mean) for s in scales]), scales, strict=True)):
        weight = rows * scale.factor[:, None]
        bias -= scale.mean.astype(np.float64) @ weight
        head[f"weight_{number}"] = np.ascontiguousarray(weight / temperature, dtype=np.float32)
    head["bias"] = (bias / temperature).astype(np.float32)
    return head


def raw_logits(task: Problem, point: Floats) -> Floats:
    """Scores before the softmax (M, C) of a problem's own scaled blocks."""
    total = np.repeat(point[-1][None, :], task.blocks[0].shape[0], axis=0)
    for block, rows in zip(task.blocks, _blocks_of(point, task.widths), strict=True):
        total += np.asarray(block @ rows)
    return total


def save_head(head: Mapping[str, Floats]) -> bytes:
    """Head arrays as safetensors bytes."""
    return save(dict(head))


def load_head(data: bytes) -> dict[str, Floats]:
    """Head arrays from safetensors bytes."""
    return load(data)


def _blocks_of(point: Floats, widths: Sequence[int]) -> Iterator[Floats]:
    begin = 0
    for width in widths:
        yield point[begin : begin + width]
        begin += width


def _objective(task: Problem, point: Floats, penalty: float) -> tuple[float, Floats]:
    rows = len(task.targets)
    log_probabilities = log_softmax(raw_logits(task, point), axis=1)
    picked = log_probabilities[np.arange(rows), task.targets]
    value = -float(np.dot(picked.astype(np.float64), task.weights)) / rows
    value += 0.5 * penalty * float(np.vdot(point[:-1], point[:-1]))
    error = np.exp(log_probabilities, out=log_probabilities)
    error[np.arange(rows), task.targets] -= 1.0
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
