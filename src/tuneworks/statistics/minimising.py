"""L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5) with backtracking, in single precision.

Where all features are dense the curvature that they give is known, and each step is stretched by its inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tuneworks.statistics.features import Block, Floats

HISTORY, LONG_HISTORY = 8, 20
LONG_BYTES = 1 << 26  # what a long history may take
SEARCHES = 30
WIDEST = 1024  # columns of a block whose curvature is worth inverting

Objective = Callable[[Floats], tuple[float, Floats]]
Stretch = Callable[[Floats], Floats]
Memory = list[tuple[Floats, Floats, float]]
"""The last steps, the change of the gradient on each, and their product."""


def minimised(
    objective: Objective,
    start: Floats,
    stretch: Stretch | None,
    iterations: int,
    tolerance: float,
    memory: Sequence[tuple[Floats, Floats, float]] = (),
) -> tuple[Floats, Memory]:
    """The point where the objective is least, with the last steps; ``memory``: those on a near objective.

    Stops when the gradient or a step's gain is negligible.
    """
    point, known, most = start.copy(), list(memory), LONG_HISTORY if stretch and _is_small(start) else HISTORY
    value, gradient = objective(point)
    for number in range(iterations):
        direction = -_two_loops(gradient, known, stretch or _unstretched)
        slope = float(np.vdot(direction, gradient))
        if slope >= 0:
            known, direction = [], -gradient
            slope = float(np.vdot(direction, gradient))
        length = 1.0 if known or stretch else min(1.0, 1.0 / (float(np.linalg.norm(gradient)) + 1e-12)) * 5.0
        for _ in range(SEARCHES):
            candidate = point + np.float32(length) * direction
            new_value, new_gradient = objective(candidate)
            if new_value <= value + 1e-4 * length * slope:
                break
            length *= 0.5
        else:
            break
        known = [*known, *_bent([(candidate - point, new_gradient - gradient)])][-most:]
        gain, point, value, gradient = value - new_value, candidate, new_value, new_gradient
        if np.abs(gradient).max() < 1e-5 or (number and gain < tolerance * max(abs(value), 1e-3)):
            break
    return point, known


def carried(memory: Memory, more_penalty: float) -> Memory:
    """The memory as it would be with so much more penalty on all rows of the point but the last.

    That of a large point is not carried on: it would take more room than the features do.
    """
    if not memory or not _is_small(memory[0][0]):
        return []
    penalised = np.ones((len(memory[0][0]), 1), np.float32) * np.float32(more_penalty)
    penalised[-1] = 0.0
    return _bent((step, change + penalised * step) for step, change, _ in memory)


@dataclass(frozen=True)
class Curvature:
    """How ``bend X'X / M`` of each dense block bends: the bends (D,), and the directions (D, D) they are along."""

    spectra: Sequence[tuple[Floats, Floats]]
    bend: float

    def stretch(self, penalty: float) -> Stretch:
        """What multiplies a gradient (sum of D + 1, C) by the inverse of the curvature and a penalty."""
        inverses = [(along / (bends + np.float32(penalty))) @ along.T for bends, along in self.spectra]

        def stretched(gradient: Floats) -> Floats:
            made = np.empty_like(gradient)
            begin = 0
            for inverse in inverses:
                end = begin + len(inverse)
                made[begin:end] = inverse @ gradient[begin:end]
                begin = end
            made[-1] = gradient[-1] / np.float32(self.bend)
            return made

        return stretched


def curvature_of(blocks: Sequence[Block], bend: float) -> Curvature | None:
    """The curvature of blocks; none where any is sparse or wide."""
    if any(sparse.issparse(block) or block.shape[1] > WIDEST for block in blocks):
        return None
    return Curvature([_spectrum(block, bend) for block in blocks], bend)


def _spectrum(block: Block, bend: float) -> tuple[Floats, Floats]:
    bends, along = np.linalg.eigh(np.asarray(block.T @ block, dtype=np.float64) * (bend / max(1, block.shape[0])))
    return np.maximum(bends, 0).astype(np.float32), along.astype(np.float32)


def _is_small(point: Floats) -> bool:
    return 2 * LONG_HISTORY * point.nbytes <= LONG_BYTES


def _bent(steps: Iterable[tuple[Floats, Floats]]) -> Memory:
    """The steps on which the objective bends upwards; the others teach nothing."""
    made = [(step, change, float(np.vdot(step, change))) for step, change in steps]
    return [one for one in made if one[2] > 1e-10]


def _unstretched(gradient: Floats) -> Floats:
    return gradient


def _two_loops(gradient: Floats, memory: Memory, stretch: Stretch) -> Floats:
    direction = gradient.copy()
    alphas = []
    for step, change, curvature in reversed(memory):
        alpha = float(np.vdot(step, direction)) / curvature
        direction -= np.float32(alpha) * change
        alphas.append(alpha)
    direction = stretch(direction)
    if memory:
        _, change, curvature = memory[-1]
        direction = direction * np.float32(curvature / float(np.vdot(change, stretch(change))))
    for (step, change, curvature), alpha in zip(memory, reversed(alphas), strict=True):
        beta = float(np.vdot(change, direction)) / curvature
        direction += np.float32(alpha - beta) * step
    return direction
