"""Change in what the model answers: the shares of the labels now against the shares on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from tuneworks.core.contracts import Detector, Measurement, Window
from tuneworks.core.text import Text
from tuneworks.core.types import Answer, SpansAnswer, TaskSpec

FEWEST = 30
SMALLEST_DISTANCE = 0.1
DRAWS = 1000
QUANTILE = 0.995


class PredictionShift(Detector):
    """Raised when the Jensen-Shannon distance of the label shares is past what chance gives at this many rows.

    The threshold is the larger of a distance worth acting on and the 99.5 % point of the distances between windows of
    these sizes drawn from both together: it grows as rows get fewer.
    """

    def measure(self, reference: Window, current: Window, spec: TaskSpec) -> Measurement | None:
        if min(len(reference.answers), len(current.answers)) < FEWEST:
            return None
        before, today = label_counts(reference.answers, spec.labels), label_counts(current.answers, spec.labels)
        value = float(distances(before.sum(0)[None], today.sum(0)[None])[0])
        threshold = max(SMALLEST_DISTANCE, float(np.quantile(_by_chance(before, today), QUANTILE)))
        return Measurement(value, threshold, value > threshold, _message(before, today, spec.labels, value, threshold))


def label_counts(answers: Sequence[Answer], labels: Sequence[str]) -> ndarray:
    """How often each label was answered in each row (N, C + 1); the last column counts rows without any."""
    column = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(answers), len(labels) + 1))
    for row, answer in enumerate(answers):
        given = [span.label for span in answer.spans] if isinstance(answer, SpansAnswer) else [answer.label]
        for label in given:
            counts[row, column.get(label, -1)] += 1
        counts[row, -1] += not given
    return counts


def distances(first: ndarray, second: ndarray) -> ndarray:
    """Jensen-Shannon distances, 0 to 1, of B pairs of counts (B, C): the root of the divergence in bits (Lin 1991)."""
    p, q = first / first.sum(1, keepdims=True), second / second.sum(1, keepdims=True)
    middle = (p + q) / 2
    return np.sqrt(np.maximum(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2))


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


def _message(before: ndarray, today: ndarray, labels: Sequence[str], value: float, threshold: float) -> Text:
    p, q = (counts.sum(0) / counts.sum() for counts in (before, today))
    moved = int(np.abs(q - p).argmax())
    name = repr(labels[moved]) if moved < len(labels) else None
    return Text(
        f"Distance of the label shares {value:.3f} (threshold {threshold:.3f}, {len(today)} predictions); "
        f"most moved: {name or 'no label'} from {p[moved]:.1%} to {q[moved]:.1%}.",
        f"标签占比的距离为 {value:.3f}（阈值 {threshold:.3f}，{len(today)} 条预测）；"
        f"变化最大的是 {name or '无标签'}：从 {p[moved]:.1%} 变为 {q[moved]:.1%}。",
    )
