"""Precision, recall and F1 from counts: hits, answers and truths of every class, summed over rows.

Sums are (B, 3C): C hits, C answers, C truths. What has nothing to divide by is zero, and classes that occur neither
as truth nor as answer are left out of averages, as scikit-learn's report has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray
from scipy.sparse import csr_array

from tuneworks.core.evaluation import Matrix, Table
from tuneworks.core.text import Text
from tuneworks.core.types import Score
from tuneworks.statistics.intervals import bounded, percentiles, resampled_totals, total
from tuneworks.statistics.ranking import mean_of_defined

COLUMNS = (
    Text("class", "类别"),
    Text("precision", "精确率"),
    Text("recall", "召回率"),
    Text("F1", "F1"),
    Text("support", "样本数"),
    Text("F1 low", "F1 下限"),
    Text("F1 high", "F1 上限"),
)
MATRIX_UP_TO = 30
ACCURACY = Text("accuracy", "准确率")
MICRO = Text("micro avg", "微平均")
MACRO = Text("macro avg", "宏平均")
WEIGHTED = Text("weighted avg", "加权平均")


@dataclass(frozen=True)
class Averages:
    """The scores in a report's last rows; ``title`` is that of the first: ``ACCURACY`` or ``MICRO``."""

    title: Text
    first: Score
    macro: Score
    weighted: Score


def class_counts(truth: ndarray, answers: ndarray, size: int) -> csr_array:
    """What each of N rows adds to the hits, answers and truths of ``size`` classes: (N, 3 x size), sparse."""
    rows = np.arange(len(truth))
    hit = truth == answers
    row = np.concatenate([rows[hit], rows, rows])
    column = np.concatenate([truth[hit], size + answers, 2 * size + truth])
    return csr_array((np.ones(len(row), dtype=np.float32), (row, column)), shape=(len(truth), 3 * size))


def class_f1(totals: ndarray) -> ndarray:
    """F1 of every class (B, C); NaN for a class that occurs nowhere."""
    hits, answered, true = _parts(totals)
    return _divide(2 * hits, answered + true, np.nan)


def macro_f1(totals: ndarray) -> ndarray:
    """The mean F1 of the classes that occur (B,); zero where none does."""
    return np.nan_to_num(mean_of_defined(class_f1(totals)))


def weighted_f1(totals: ndarray) -> ndarray:
    """The mean F1 weighted by how often each class is true (B,)."""
    true = _parts(totals)[2]
    return _divide(np.nansum(class_f1(totals) * true, axis=1), true.sum(axis=1), 0.0)


def micro_f1(totals: ndarray) -> ndarray:
    """F1 of all classes' counts together (B,)."""
    hits, answered, true = (part.sum(axis=1) for part in _parts(totals))
    return _divide(2 * hits, answered + true, 0.0)


def micro_precision(totals: ndarray) -> ndarray:
    """The share of all answers that are right (B,)."""
    hits, answered, _ = (part.sum(axis=1) for part in _parts(totals))
    return _divide(hits, answered, 0.0)


def micro_recall(totals: ndarray) -> ndarray:
    """The share of all truths that were answered (B,)."""
    hits, _, true = (part.sum(axis=1) for part in _parts(totals))
    return _divide(hits, true, 0.0)


def report_table(name: str, title: Text, labels: Sequence[str | Text], sums: Any, averages: Averages) -> Table:
    """The classification report: each class that occurs, then the averages; every F1 with its interval."""
    hits, answered, true = (part[0] for part in _parts(total(sums)))
    present = np.flatnonzero(answered + true)
    measured = np.array(_measures(hits, answered, true))[:, present]
    bounds = _f1_bounds(sums, present, measured[2], true[present])
    classes = [
        (labels[c], *(float(m) for m in measured[:, i]), int(true[c]), bounds[i].low, bounds[i].high)
        for i, c in enumerate(present.tolist())
    ]
    return Table(name, title, COLUMNS, (*classes, *_average_rows(total(sums), measured, averages)))


def pairs_if_many(matrix: Matrix) -> tuple[Table, ...]:
    """The most confused pairs of a matrix too large to be drawn."""
    return (confused_pairs(matrix),) if len(matrix.labels) > MATRIX_UP_TO else ()


def confused_pairs(matrix: Matrix, *, most: int = 20) -> Table:
    """The most frequent confusions: true class, answered class, rows, and their share of the true class."""
    labels, counts = matrix.labels, np.array(matrix.counts)
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(int(i // len(labels)), int(i % len(labels))) for i in order if wrong.flat[i] > 0]
    rows = tuple((labels[i], labels[j], int(wrong[i, j]), float(wrong[i, j] / counts[i].sum())) for i, j in pairs)
    columns = (Text("true", "真实类别"), Text("answered", "模型回答"), Text("rows", "行数"), Text("share", "占比"))
    return Table("confused_pairs", Text("Most confused pairs", "最易混淆的类别对"), columns, rows)


def _average_rows(totals: ndarray, measured: ndarray, averages: Averages) -> list[tuple[Any, ...]]:
    true = _parts(totals)[2][0]
    share = true[class_f1(totals)[0] >= 0] / max(1.0, true.sum())
    micro = (float(micro_precision(totals)[0]), float(micro_recall(totals)[0]), averages.first.value)
    first = (None, None, micro[2]) if averages.title == ACCURACY else micro
    return [
        _average_row(averages.title, first, true, averages.first),
        _average_row(MACRO, tuple(float(m.mean()) if m.size else 0.0 for m in measured), true, averages.macro),
        _average_row(WEIGHTED, tuple(float((m * share).sum()) for m in measured), true, averages.weighted),
    ]


def _average_row(title: Text, measured: tuple[Any, ...], true: ndarray, score: Score) -> tuple[Any, ...]:
    return (title, *measured, int(true.sum()), score.low, score.high)


def _f1_bounds(sums: Any, present: ndarray, f1: ndarray, true: ndarray) -> list[Score]:
    resampled = class_f1(resampled_totals(sums))[:, present]
    return [bounded(float(f1[i]), percentiles(resampled[:, i]), int(max(1, true[i]))) for i in range(len(present))]


def _measures(hits: ndarray, answered: ndarray, true: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    return _divide(hits, answered, 0.0), _divide(hits, true, 0.0), _divide(2 * hits, answered + true, 0.0)


def _parts(totals: ndarray) -> list[ndarray]:
    return np.split(np.asarray(totals, dtype=np.float64), 3, axis=1)


def _divide(above: ndarray, below: ndarray, otherwise: float) -> ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), otherwise), where=np.asarray(below) > 0)
