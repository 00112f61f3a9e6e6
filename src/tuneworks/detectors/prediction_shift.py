"""Change in what the model answers: labels' shares, or the distribution of numbers, now against held-out rows."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from scipy.stats import ks_2samp

from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.core.watching import Detector, Measurement, Window
from tuneworks.statistics.shapes.shape import Signature, shape_of

FEWEST = 30
SMALLEST_DISTANCE = 0.1
DRAWS = 1000
QUANTILE = 0.995


class PredictionShift(Detector):
    """Raised when the answers' distance from the held-out ones is past what chance gives at this many rows.

    Labels: the Jensen-Shannon distance of their shares; numbers: the largest gap between the distribution functions
    (Kolmogorov and Smirnov). The threshold is the larger of a distance worth acting on and the 99.5 % point of the
    distances between windows of these sizes drawn from both together: it grows as rows get fewer.
    """

    def measure(self, reference: Window, current: Window, spec: TaskSpec) -> Measurement | None:
        if min(len(reference.answers), len(current.answers)) < FEWEST:
            return None
        shape = shape_of(current.answers[0].kind)
        before, today = shape.signature(reference.answers, spec), shape.signature(current.answers, spec)
        return _labels_shift(before, today) if today.counted else _numbers_shift(before, today)


def distances(first: ndarray, second: ndarray) -> ndarray:
    """Jensen-Shannon distances, 0 to 1, of B pairs of counts (B, C): the root of the divergence in bits (Lin 1991)."""
    p, q = first / first.sum(1, keepdims=True), second / second.sum(1, keepdims=True)
    middle = (p + q) / 2
    return np.sqrt(np.maximum(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2))


def _labels_shift(before: Signature, today: Signature) -> Measurement:
    value = float(distances(before.values.sum(0)[None], today.values.sum(0)[None])[0])
    threshold = max(SMALLEST_DISTANCE, float(np.quantile(_by_chance(before.values, today.values), QUANTILE)))
    return Measurement(value, threshold, value > threshold, _labels_message(before, today, value, threshold))


def _numbers_shift(before: Signature, today: Signature) -> Measurement:
    """The column of the signature that moved most; the chance of several is shared among them (Bonferroni)."""
    tests = [ks_2samp(old, new) for old, new in zip(before.values.T, today.values.T, strict=True)]
    moved = int(np.argmax([test.statistic for test in tests]))
    value, sizes = float(tests[moved].statistic), (len(before.values), len(today.values))
    threshold = max(SMALLEST_DISTANCE, _gap_by_chance(*sizes, (1 - QUANTILE) / len(tests)))
    return Measurement(value, threshold, value > threshold, _numbers_message(before, today, moved, value, threshold))


def _gap_by_chance(first: int, second: int, probability: float) -> float:
    """The gap that two samples of one distribution exceed with this probability (Smirnov 1948)."""
    return float(np.sqrt(-np.log(probability / 2) / 2 * (first + second) / (first * second)))


def _divergence(p: ndarray, q: ndarray) -> ndarray:
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    return (p * np.log2(ratio)).sum(1)


def _by_chance(before: ndarray, today: ndarray) -> ndarray:
    """Distances of windows of the same sizes drawn at random from all rows together (a permutation test)."""
    rows = np.concatenate([before, today])
    random = np.random.default_rng(0)
    chosen = np.zeros((DRAWS, len(rows)))
    np.put_along_axis(
        chosen, random.random(chosen.shape).argpartition(len(today), axis=1)[:, : len(today)], 1.0, axis=1
    )
    drawn = chosen @ rows
    return distances(rows.sum(0) - drawn, drawn)


def _labels_message(before: Signature, today: Signature, value: float, threshold: float) -> Text:
    p, q = (signature.values.sum(0) / signature.values.sum() for signature in (before, today))
    moved = int(np.abs(q - p).argmax())
    name = repr(today.names[moved]) if today.names[moved] else None
    return Text(
        f"Distance of the label shares {value:.3f} (threshold {threshold:.3f}, {len(today.values)} predictions); "
        f"most moved: {name or 'no label'} from {p[moved]:.1%} to {q[moved]:.1%}.",
        f"标签占比的距离为 {value:.3f}（阈值 {threshold:.3f}，{len(today.values)} 条预测）；"
        f"变化最大的是 {name or '无标签'}：从 {p[moved]:.1%} 变为 {q[moved]:.1%}。",
    )


def _numbers_message(before: Signature, today: Signature, moved: int, value: float, threshold: float) -> Text:
    was, now = (float(np.median(signature.values[:, moved])) for signature in (before, today))
    name = today.names[moved]
    return Text(
        f"Distance of the answers' distribution {value:.3f} (threshold {threshold:.3f}, {len(today.values)} "
        f"predictions); median {name} from {was:.4g} to {now:.4g}.",
        f"答案分布的距离为 {value:.3f}（阈值 {threshold:.3f}，{len(today.values)} 条预测）；"
        f"{name} 的中位数从 {was:.4g} 变为 {now:.4g}。",
    )
