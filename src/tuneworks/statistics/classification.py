"""The evaluation of a classifier: one label a row, a probability for every label."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.evaluation import Evaluation, Matrix, Mistake, Table, Tally
from tuneworks.core.text import Text, plain
from tuneworks.core.types import Score, TaskSpec
from tuneworks.statistics.calibration import calibration_tally, reliability_table
from tuneworks.statistics.counts import (
    ACCURACY,
    Averages,
    class_counts,
    macro_f1,
    micro_f1,
    pairs_if_many,
    report_table,
    weighted_f1,
)
from tuneworks.statistics.curves import precision_recall_chart, reliability_chart, roc_chart
from tuneworks.statistics.intervals import intervals, must_have_rows
from tuneworks.statistics.ranking import Ranking, areas, average_precisions

METRICS = {
    "accuracy": ACCURACY,
    "macro_f1": Text("macro F1", "宏平均 F1"),
    "weighted_f1": Text("weighted F1", "加权 F1"),
    "micro_f1": Text("micro F1", "微平均 F1"),
    "roc_auc": plain("ROC AUC"),
    "average_precision": Text("average precision", "平均精确率"),
}
LOSSES = {
    "log_loss": Text("log loss", "对数损失"),
    "brier": Text("Brier score", "Brier 分数"),
    "expected_calibration_error": Text("expected calibration error", "期望校准误差"),
}
WORST_MISTAKES = 20


def evaluate_classes(
    truth: ndarray, scores: ndarray, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> tuple[Evaluation, dict[str, Tally]]:
    """Scores with intervals, report, confusions, curves and worst mistakes; and ``METRICS`` as tallies to compare by.

    ``truth`` (N,) numbers of ``spec.labels``, -1 a label outside the list: always wrong. Every such label, named by
    the row's target, is a class of its own with F1 0, so that not knowing many labels costs as much as it should.
    ``scores`` (N, C) probabilities. A metric the rows cannot define (ROC AUC of a single class) is left out.
    """
    truth, scores = checked(np.asarray(truth, dtype=np.int64), scores, spec)
    truth, outside = with_outside(truth, spec, rows)
    answers, labels = scores.argmax(axis=1), (*spec.labels, *outside)
    tallies = class_tallies(truth, scores)
    metric = chosen_metric(spec.metric or "macro_f1", tallies)
    measured = intervals(tallies | loss_tallies(truth, scores))
    bins, matrix = reliability_table(scores.max(axis=1), answers == truth), _confusion(truth, answers, labels)
    report = _report(_counts(truth, answers, len(labels)), [*spec.labels, *map(_unknown, outside)], measured)
    charts = roc_chart(truth, scores, spec.labels), precision_recall_chart(truth, scores, spec.labels)
    evaluation = Evaluation(
        metric=metric,
        rows=len(truth),
        scores=measured,
        tables=(report, *pairs_if_many(matrix), bins),
        matrices=(matrix,),
        charts=(*(chart for chart in charts if chart), reliability_chart(bins)),
        mistakes=_mistakes(truth, scores, spec, rows),
    )
    return evaluation, tallies


def class_tallies(truth: ndarray, scores: ndarray) -> dict[str, Tally]:
    """The metrics of which more is better, as far as the rows define them.

    ``truth`` numbers beyond the C columns of ``scores`` are classes the model does not know (``with_outside``
    numbers them), -1 all others together.
    """
    finishers: dict[str, Callable[[Any], Any]] = {
        "accuracy": micro_f1,
        "macro_f1": macro_f1,
        "weighted_f1": weighted_f1,
        "micro_f1": micro_f1,
    }
    sums = _counts(truth, scores.argmax(axis=1), scores.shape[1])
    tallies = {name: Tally(sums, finish) for name, finish in finishers.items()}
    size = scores.shape[1]
    ranking = Ranking(truth, scores, [1] if size == 2 else range(size))
    if ranking.classes:
        tallies |= {"roc_auc": Tally(ranking, areas), "average_precision": Tally(ranking, average_precisions)}
    return tallies


def with_outside(truth: ndarray, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]) -> tuple[ndarray, list[str]]:
    """Truth with labels outside the list numbered after those in it, and their names."""
    names = {i: str(rows[i].get(spec.target or "", "?")) for i in np.flatnonzero(truth < 0).tolist()}
    outside = sorted(set(names.values()))
    numbered = truth.copy()
    for i, name in names.items():
        numbered[i] = len(spec.labels) + outside.index(name)
    return numbered, outside


def loss_tallies(truth: ndarray, scores: ndarray) -> dict[str, Tally]:
    """The measures of probabilities, of which less is better.

    Log loss is held finite by a smallest probability of 2.2e-16, a true label outside the list has that one. The
    Brier score of two labels is halved, to lie in 0..1 as usual (Brier 1950).
    """
    known = (truth >= 0) & (truth < scores.shape[1])
    true_scores = np.where(known, scores[np.arange(len(truth)), np.where(known, truth, 0)], 0.0)
    log = -np.log(np.clip(true_scores, np.finfo(np.float64).eps, 1.0))
    brier = ((scores**2).sum(axis=1) - 2 * true_scores + 1) / (2 if scores.shape[1] == 2 else 1)
    return {
        "log_loss": _mean_tally(log),
        "brier": _mean_tally(brier),
        "expected_calibration_error": calibration_tally(scores.max(axis=1), scores.argmax(axis=1) == truth),
    }


def chosen_metric(metric: str, known: Mapping[str, Any]) -> str:
    """The metric, if the rows define it; else an error that names the nearest."""
    if metric in known:
        return metric
    near = difflib.get_close_matches(metric, known, n=1)
    hint = near[0] if near else ", ".join(known)
    if metric in METRICS:
        raise UnsuitableData(
            Text(f"The metric {metric} is not defined on these rows.", f"这些行上无法计算指标 {metric}。"),
            Text("Give held-out rows of at least two labels.", "请提供至少含两种标签的留出数据。"),
        )
    raise InvalidConfig(
        Text(f"There is no metric {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
        Text(f"Did you mean: {hint}?", f"您是否想用：{hint}？"),
    )


def checked(truth: ndarray, scores: ndarray, spec: TaskSpec) -> tuple[ndarray, ndarray]:
    """Truth and finite scores (N, C), one column a label; raises where there are no rows or other scores."""
    scores = np.asarray(scores, dtype=np.float64)
    must_have_rows(len(truth))
    if scores.shape != (len(truth), len(spec.labels)) or not np.isfinite(scores).all():
        expected = f"({len(truth)}, {len(spec.labels)})"
        raise InvalidInput(
            Text(
                f"The model's scores are not finite numbers of shape {expected}; their shape is {scores.shape}.",
                f"模型给出的分数应为形状 {expected} 的有限数值，实际形状为 {scores.shape}。",
            ),
            Text("Tune again with a smaller learning rate.", "请用更小的学习率重新微调。"),
        )
    return truth, scores


def _counts(truth: ndarray, answers: ndarray, size: int) -> Any:
    size = max(size, int(truth.max()) + 1)
    return class_counts(np.where(truth < 0, size, truth), answers, size + bool((truth < 0).any()))


def _mean_tally(values: ndarray) -> Tally:
    sums = np.column_stack([values, np.ones(len(values))])
    return Tally(sums, lambda totals: totals[:, 0] / totals[:, 1])


def _unknown(label: str) -> Text:
    return Text(f"{label} (unknown to the model)", f"{label}（模型未学过）")


def _report(sums: Any, labels: Sequence[str | Text], measured: Mapping[str, Score]) -> Table:
    averages = Averages(ACCURACY, measured["accuracy"], measured["macro_f1"], measured["weighted_f1"])
    title = Text("Classification report", "分类报告")
    return report_table("classification_report", title, labels, sums, averages)


def _confusion(truth: ndarray, answers: ndarray, labels: Sequence[str]) -> Matrix:
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, (truth, answers), 1)
    title = Text("Confusion matrix", "混淆矩阵")
    return Matrix("confusion", title, tuple(labels), tuple(tuple(row) for row in counts.tolist()))


def _mistakes(
    truth: ndarray, scores: ndarray, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> tuple[Mistake, ...]:
    confidence, answers = scores.max(axis=1), scores.argmax(axis=1)
    wrong = np.flatnonzero(answers != truth)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:WORST_MISTAKES]
    describe = partial(_mistake, spec)
    return tuple(describe(rows[i], spec.labels[answers[i]], float(confidence[i])) for i in worst.tolist())


def _mistake(spec: TaskSpec, row: Mapping[str, Any], answer: str, confidence: float) -> Mistake:
    inputs = {column: row.get(column) for column in spec.inputs.values()}
    return Mistake(inputs, row.get(spec.target or ""), answer, confidence)
