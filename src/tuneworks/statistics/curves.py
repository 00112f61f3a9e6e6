"""Curves of a classifier for its report: ROC, precision against recall, reliability.

``truth`` is class numbers (N,), or (N, C) of 0 and 1 where several labels may hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray

from tuneworks.core.evaluation import Chart, Line, Table
from tuneworks.core.text import Text, plain

POINTS = 200
WORST = 5
GRID = np.linspace(0, 1, POINTS)
Curve = tuple[ndarray, ndarray]
MICRO = Text("micro average", "微平均")
MACRO = Text("macro average", "宏平均")


def roc_chart(truth: ndarray, scores: ndarray, labels: Sequence[str]) -> Chart | None:
    """True against false positives; none where no class has both positive and negative rows."""
    lines = _lines(truth, scores, labels, _roc, _under)
    title = Text("ROC curve", "ROC 曲线")
    x, y = Text("false positive rate", "假正率"), Text("true positive rate", "真正率")
    return Chart("roc", title, x, y, lines, diagonal=True) if lines else None


def precision_recall_chart(truth: ndarray, scores: ndarray, labels: Sequence[str]) -> Chart | None:
    """Precision against recall; none where no class has both positive and negative rows."""
    lines = _lines(truth, scores, labels, _precision_recall, _in_steps)
    title = Text("Precision and recall", "精确率—召回率曲线")
    return (
        Chart("precision_recall", title, Text("recall", "召回率"), Text("precision", "精确率"), lines)
        if lines
        else None
    )


def reliability_chart(table: Table) -> Chart:
    """Accuracy against confidence, from the bins of ``calibration.reliability_table``."""
    line = Line(Text("this model", "本模型"), tuple(row[3] for row in table.rows), tuple(row[4] for row in table.rows))
    title = Text("Reliability", "可靠性图")
    return Chart("reliability", title, Text("confidence", "置信度"), Text("accuracy", "准确率"), (line,), diagonal=True)


def _lines(
    truth: ndarray, scores: ndarray, labels: Sequence[str], curve: Callable[..., Curve], area: Callable[[Curve], float]
) -> tuple[Line, ...]:
    """One line for one of two labels (the last is positive); else micro, macro and the worst classes by area."""
    either = truth.ndim == 1 and len(labels) == 2
    hits = truth > 0 if truth.ndim == 2 else truth[:, None] == np.arange(len(labels))
    classes = [len(labels) - 1] if either else range(len(labels))
    present = [c for c in classes if 0 < np.count_nonzero(hits[:, c]) < len(truth)]
    if not present:
        return ()
    curves = {c: curve(hits[:, c], scores[:, c]) for c in present}
    if either:
        return (_line(plain(labels[-1]), curves[present[0]]),)
    worst = sorted(present, key=lambda c: area(curves[c]))[:WORST]
    macro = GRID, np.mean([np.interp(GRID, *_rising(*points)) for points in curves.values()], axis=0)
    averages = (_line(MICRO, curve(hits[:, present].ravel(), scores[:, present].ravel())), _line(MACRO, macro))
    return (*averages, *(_line(plain(labels[c]), curves[c]) for c in worst))


def _roc(hits: ndarray, scores: ndarray) -> Curve:
    """False against true positives at each threshold where the curve turns."""
    found, wrong = (np.append(0, counts) for counts in _counts(hits, scores))
    turns = np.concatenate([[True], (np.diff(found, 2) != 0) | (np.diff(wrong, 2) != 0), [True]])
    return (wrong / wrong[-1])[turns], (found / found[-1])[turns]


def _precision_recall(hits: ndarray, scores: ndarray) -> Curve:
    found, wrong = _counts(hits, scores)
    return np.append(0.0, found / found[-1]), np.append(1.0, found / (found + wrong))


def _counts(hits: ndarray, scores: ndarray) -> Curve:
    """How many are found, rightly and wrongly, from each score on, the highest first."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    ends = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    found = np.cumsum(hits[order], dtype=np.int64)[ends]
    return found, ends + 1 - found


def _under(curve: Curve) -> float:
    """The area under it: that of a ROC curve is the probability that a positive row scores above a negative one."""
    xs, ys = curve
    return float(np.trapezoid(ys, xs))


def _in_steps(curve: Curve) -> float:
    """Average precision: each precision counts as much as recall rose to reach it."""
    recall, precision = curve
    return float((np.diff(recall) * precision[1:]).sum())


def _rising(xs: ndarray, ys: ndarray) -> Curve:
    order = np.argsort(xs, kind="stable")
    return xs[order], ys[order]


def _line(name: Text, curve: Curve) -> Line:
    xs, ys = curve
    kept = np.unique(np.linspace(0, len(xs) - 1, min(len(xs), POINTS)).round().astype(int))
    return Line(name, tuple(float(x) for x in xs[kept]), tuple(float(y) for y in ys[kept]))
