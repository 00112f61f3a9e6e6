"""L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5) with backtracking, in single precision.

Where all features are dense the curvature that they give is known, and each step is stretched by its inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

from tuneworks.statistics.features import Block, Floats

HISTORY = 8
SEARCHES = 30
WIDEST = 1024  # columns of a block whose curvature is worth inverting

Objective = Callable[[Floats], tuple[float, Floats]]
Stretch = Callable[[Floats], Floats]
Memory = list[tuple[Floats, Floats, float]]


def minimised(
    objective: Objective, start: Floats, stretch: Stretch | None, iterations: int, tolerance: float
) -> Floats:
    """The point where the objective is least; stops when the gradient or a step's gain is negligible."""
    point = start.copy()
    value, gradient = objective(point)
    memory: Memory = []
    for number in range(iterations):
        direction = -_two_loops(gradient, memory, stretch or _unstretched)
        slope = float(np.vdot(direction, gradient))
        if slope >= 0:
            memory, direction = [], -gradient
            slope = float(np.vdot(direction, gradient))
        length = 1.0 if memory or stretch else min(1.0, 1.0 / (float(np.linalg.norm(gradient)) + 1e-12)) * 5.0
        for _ in range(SEARCHES):
            candidate = point + np.float32(length) * direction
            new_value, new_gradient = objective(candidate)
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
        if np.abs(gradient).max() < 1e-5 or (number and gain < tolerance * max(abs(value), 1e-3)):
            break
    return point


def stretch_of(blocks: Sequence[Block], penalty: float, bend: float) -> Stretch | None:
    """What multiplies a gradient (sum of D + 1, C) by the inverse of ``bend X'X / M + penalty``, block by block."""
    if any(sparse.issparse(block) or block.shape[1] > WIDEST for block in blocks):
        return None
    inverses = [_inverse(block, penalty, bend) for block in blocks]

    def stretched(gradient: Floats) -> Floats:
        made = np.empty_like(gradient)
        begin = 0
        for inverse in inverses:
            end = begin + len(inverse)
            made[begin:end] = inverse @ gradient[begin:end]
            begin = end
        made[-1] = gradient[-1] / np.float32(bend)
        return made

    return stretched


def _inverse(block: Block, penalty: float, bend: float) -> Floats:
    curvature = np.asarray(block.T @ block, dtype=np.float64) * (bend / max(1, block.shape[0]))
    curvature[np.diag_indices_from(curvature)] += penalty
    return np.linalg.inv(curvature).astype(np.float32)


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
