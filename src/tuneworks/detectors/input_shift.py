"""Change in what comes in: the inputs' features now against those of held-out rows."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.core.watching import Detector, Measurement, Window
from tuneworks.statistics.shift import energy_distance

FEWEST = 30
LEAST_PROBABILITY = 0.01
SMALLEST_EFFECT = 0.003  # a fifth of 200 rows from another domain measured 0.004 to 0.008, steady rows 0.001
SPREAD_ROWS = 200


class InputShift(Detector):
    """Raised when the energy distance is both past chance (permutation test) and large beside the rows' own spread."""

    def measure(self, reference: Window, current: Window, spec: TaskSpec) -> Measurement | None:
        if min(len(reference.features), len(current.features)) < FEWEST:
            return None
        shift = energy_distance(reference.features, current.features)
        value = effect(reference.features, current.features, shift.distance)
        raised = shift.p_value < LEAST_PROBABILITY and value > SMALLEST_EFFECT
        return Measurement(value, SMALLEST_EFFECT, raised, _message(value, shift.p_value, len(current.features)))


def effect(reference: ndarray, current: ndarray, distance: float) -> float:
    """The energy distance beside the mean distance of two reference rows, less what two equal samples would show."""
    spread = _spread(reference)
    by_chance = 1 / len(reference) + 1 / len(current)
    return max(0.0, distance / spread - by_chance) if spread > 0 else float(distance > 0)


def _spread(rows: ndarray) -> float:
    """The mean distance of two different rows, of at most ``SPREAD_ROWS`` rows."""
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), SPREAD_ROWS)).astype(int)].astype(np.float64)
    squares = (some**2).sum(1)
    apart = np.sqrt(np.maximum(0.0, squares[:, None] + squares[None] - 2 * some @ some.T))
    return float(apart.sum() / (len(some) * (len(some) - 1)))


def _message(value: float, p_value: float, rows: int) -> Text:
    return Text(
        f"Inputs differ from held-out rows by {value:.4f} of their spread (threshold {SMALLEST_EFFECT}), "
        f"p = {p_value:.3f} over {rows} predictions.",
        f"输入与保留数据的差异为其离散程度的 {value:.4f}（阈值 {SMALLEST_EFFECT}），{rows} 条预测，p = {p_value:.3f}。",
    )
