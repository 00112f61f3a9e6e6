"""What a few small trials foretell of the whole: time and memory by the rows they read, scores by a power law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STEEPEST = 1.0
LEAST_ERROR = 1e-4


def on_a_line(rows: Sequence[float], values: Sequence[float], at: float) -> float:
    """The value at ``at`` rows on the straight line through the last two points; never falling, never below the last.

    What does not depend on the rows (loading, compiling) is the line's height at none.
    """
    if len(rows) < 2:
        return values[-1] * max(1.0, at / rows[-1])
    slope = (values[-1] - values[-2]) / (rows[-1] - rows[-2])
    return float(values[-1] + max(0.0, slope) * max(0.0, at - rows[-1]))


def by_growth(rows: Sequence[float], values: Sequence[float], at: float) -> float:
    """The value at ``at`` rows where it goes on growing by the share that it last grew by (a power of the rows).

    For what is mostly there from the start and measured coarsely, such as memory: a small error of it is not
    multiplied by the rows.
    """
    if len(rows) < 2 or values[-2] <= 0:
        return float(values[-1])
    power = np.log(max(1.0, values[-1] / values[-2])) / np.log(rows[-1] / rows[-2])
    return float(values[-1] * max(1.0, at / rows[-1]) ** min(STEEPEST, power))


def on_a_learning_curve(rows: Sequence[float], errors: Sequence[float], at: float) -> float:
    """The error at ``at`` rows by the power law ``error = a * rows ** -b`` through the points, by least squares.

    ``0 <= b <= 1`` (Cortes et al. 1993, Learning curves: asymptotic values and rate of convergence).
    """
    if len(rows) < 2:
        return float(errors[-1])
    logs = np.log(np.maximum(errors, LEAST_ERROR))
    steps = np.log(np.asarray(rows, float))
    slope = float(np.clip(-np.polyfit(steps, logs, 1)[0], 0.0, STEEPEST))
    return float(np.exp(logs[-1] - slope * (np.log(at) - steps[-1])))
