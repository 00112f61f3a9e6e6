"""The evaluation of a model that answers any number of labels: a probability each, those past a threshold answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy import ndarray
from scipy.sparse import csr_array

from tuneworks.core.evaluation import Chart, Evaluation, Line, Mistake, Tally
from tuneworks.core.text import Text, plain
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.calibration import BINS, bins_of, reliability_table
from tuneworks.statistics.classification import checked, chosen_metric
from tuneworks.statistics.counts import (
    MICRO,
    Averages,
    macro_f1,
    micro_f1,
    micro_precision,
    micro_recall,
    report_table,
    weighted_f1,
)
from tuneworks.statistics.curves import precision_recall_chart, reliability_chart, roc_chart
from tuneworks.statistics.intervals import intervals, total
from tuneworks.statistics.ranking import Ranking, areas, average_precisions, ranks

METRICS = {
    "micro_f1": Text("micro F1", "微平均 F1"),
    "macro_f1": Text("macro F1", "宏平均 F1"),
    "weighted_f1": Text("weighted F1", "加权 F1"),
    "samples_f1": Text("F1 averaged over rows", "按行平均 F1"),
    "subset_accuracy": Text("share of rows with every label right", "全部标签正确的行占比"),
    "label_ranking_average_precision": Text("label ranking average precision", "标签排序平均精确率"),
    "roc_auc": plain("ROC AUC"),
    "average_precision": Text("average precision", "平均精确率"),
}
LOSSES = {
    "hamming_loss": Text("Hamming loss", "Hamming 损失"),
    "expected_calibration_error": Text("expected calibration error", "期望校准误差"),
}
WORST_MISTAKES = 20
THRESHOLDS = np.round(np.arange(0.05, 1.0, 0.05), 2)
SURELY_NOT = -1.0


@dataclass(frozen=True)
class LabelRows:
    """N rows: truth (N, C) of 0 and 1, probabilities (N, C), the threshold, the names of the C labels.

    The model knows the first ``known`` labels; the others have the score ``SURELY_NOT`` and are never answered.
    """

    truth: ndarray
    scores: ndarray
    threshold: float
    labels: tuple[str, ...]
    known: int

    @property
    def answers(self) -> ndarray:
        return self.scores >= self.threshold


def label_rows(truth: ndarray, scores: ndarray, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]) -> LabelRows:
    """Truth and scores, with labels of the rows' target that ``spec.labels`` does not list as columns of their own."""
    truth, scores = checked(np.asarray(truth, dtype=np.float64), scores, spec)
    known = set(spec.labels)
    beyond = [[name for name in row.get(spec.target or "") or () if name not in known] for row in rows]
    outside = sorted({name for names in beyond for name in names})
    number = {name: i for i, name in enumerate(outside)}
    extra = np.zeros((len(truth), len(outside)))
    for row, names in enumerate(beyond):
        extra[row, [number[name] for name in names]] = 1
    never = np.full(extra.shape, SURELY_NOT)
    threshold = float(spec.options.get("threshold", 0.5))
    labels = (*spec.labels, *outside)
    return LabelRows(np.hstack([truth, extra]), np.hstack([scores, never]), threshold, labels, len(spec.labels))


def evaluate_labels(held_out: LabelRows, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]) -> Evaluation:
    """Scores with intervals, report by label, curves, what other thresholds would give, and worst mistakes."""
    tallies = label_tallies(held_out)
    measured = intervals(tallies | loss_tallies(held_out))
    truth, scores = held_out.truth[:, : held_out.known], held_out.scores[:, : held_out.known]
    bins = replace(
        reliability_table(scores.ravel(), truth.ravel()), title=Text("Probability and truth", "预测概率与真实占比")
    )
    report = report_table(
        "label_report",
        Text("Report by label", "各标签报告"),
        _names(held_out, spec),
        _counts(held_out),
        Averages(MICRO, measured["micro_f1"], measured["macro_f1"], measured["weighted_f1"]),
    )
    charts = (
        roc_chart(truth, scores, spec.labels),
        precision_recall_chart(truth, scores, spec.labels),
        threshold_chart(held_out),
        reliability_chart(bins),
    )
    return Evaluation(
        metric=chosen_metric(spec.metric or "micro_f1", tallies),
        rows=len(rows),
        scores=measured,
        tables=(report, bins),
        charts=tuple(chart for chart in charts if chart),
        mistakes=_mistakes(held_out, spec, rows),
        less_is_better=tuple(LOSSES),
    )


def label_tallies(held_out: LabelRows) -> dict[str, Tally]:
    """``METRICS`` as far as the rows define them; a row that has no label and is answered with none is right."""
    counts = _counts(held_out)
    finishers = {"micro_f1": micro_f1, "macro_f1": macro_f1, "weighted_f1": weighted_f1}
    ranking = Ranking(held_out.truth[:, : held_out.known], held_out.scores[:, : held_out.known], range(held_out.known))
    tallies = {name: Tally(counts, finish) for name, finish in finishers.items()} | {
        "samples_f1": _mean_tally(_row_f1(held_out)),
        "subset_accuracy": _mean_tally((held_out.answers == held_out.truth).all(axis=1)),
        "label_ranking_average_precision": _mean_tally(ranking_precision(held_out.truth, held_out.scores)),
    }
    if ranking.classes:
        tallies |= {"roc_auc": Tally(ranking, areas), "average_precision": Tally(ranking, average_precisions)}
    return tallies


def loss_tallies(held_out: LabelRows) -> dict[str, Tally]:
    """The share of wrong decisions, and how far probabilities lie from shares; of both less is better."""
    return {
        "hamming_loss": _mean_tally((held_out.answers != held_out.truth).mean(axis=1), less_is_better=True),
        "expected_calibration_error": _calibration_tally(held_out),
    }


def ranking_precision(truth: ndarray, scores: ndarray) -> ndarray:
    """For each row the share of true labels among those ranked at least as high, averaged over its true labels (N,).

    1 where no label is true (Schapire and Singer 2000; ties count as ranked behind).
    """
    true = truth > 0
    _, ahead = ranks(-scores)
    _, true_ahead = ranks(np.where(true, -scores, np.inf))
    shares = np.where(true, true_ahead / ahead, 0.0).sum(axis=1)
    count = true.sum(axis=1)
    return np.divide(shares, count, out=np.ones(len(truth)), where=count > 0)


def threshold_chart(held_out: LabelRows) -> Chart:
    """Micro precision, recall and F1 at other thresholds."""
    made = [_totals_at(held_out, threshold) for threshold in THRESHOLDS]
    measures = {
        Text("precision", "精确率"): micro_precision,
        Text("recall", "召回率"): micro_recall,
        plain("F1"): micro_f1,
    }
    lines = tuple(
        Line(name, tuple(THRESHOLDS.tolist()), tuple(float(measure(totals)[0]) for totals in made))
        for name, measure in measures.items()
    )
    title = Text("Other thresholds (micro average)", "其他阈值的结果（微平均）")
    return Chart("thresholds", title, Text("threshold", "阈值"), Text("score", "得分"), lines)


def _totals_at(held_out: LabelRows, threshold: float) -> ndarray:
    return total(_counts(replace(held_out, threshold=float(threshold))))


def _counts(held_out: LabelRows) -> csr_array:
    """Hits, answers and truths of every label in each row (N, 3C)."""
    truth, answers = held_out.truth > 0, held_out.answers
    return csr_array(np.hstack([truth & answers, answers, truth]).astype(np.float32))


def _row_f1(held_out: LabelRows) -> ndarray:
    truth, answers = held_out.truth > 0, held_out.answers
    size = truth.sum(axis=1) + answers.sum(axis=1)
    return np.divide(2 * (truth & answers).sum(axis=1), size, out=np.ones(len(truth)), where=size > 0)


def _calibration_tally(held_out: LabelRows) -> Tally:
    """As ``calibration.calibration_tally``, every probability of every row counting alike."""
    truth, scores = held_out.truth[:, : held_out.known], held_out.scores[:, : held_out.known]
    sums = np.zeros((len(truth), BINS + 1))
    owners = np.repeat(np.arange(len(truth)), truth.shape[1])
    np.add.at(sums, (owners, bins_of(scores).ravel()), (scores - truth).ravel())
    sums[:, BINS] = truth.shape[1]
    return Tally(sums, lambda totals: np.abs(totals[:, :BINS]).sum(axis=1) / totals[:, BINS], less_is_better=True)


def _mean_tally(values: ndarray, *, less_is_better: bool = False) -> Tally:
    sums = np.column_stack([values, np.ones(len(values))])
    return Tally(sums, lambda totals: totals[:, 0] / totals[:, 1], less_is_better)


def _names(held_out: LabelRows, spec: TaskSpec) -> list[str | Text]:
    outside = held_out.labels[held_out.known :]
    return [*spec.labels, *(Text(f"{one} (unknown to the model)", f"{one}（模型未学过）") for one in outside)]


def _mistakes(held_out: LabelRows, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]) -> tuple[Mistake, ...]:
    """Rows with a wrong label or without a right one, the most certain wrong decision first."""
    answers, truth = held_out.answers, held_out.truth > 0
    decided = np.where(answers, held_out.scores, 1 - np.maximum(held_out.scores, 0.0))
    certainty = np.where(answers != truth, decided, 0.0).max(axis=1)
    wrong = np.flatnonzero((answers != truth).any(axis=1))
    worst = wrong[np.argsort(-certainty[wrong], kind="stable")][:WORST_MISTAKES]
    return tuple(
        Mistake(
            {column: rows[i].get(column) for column in spec.inputs.values()},
            [held_out.labels[c] for c in np.flatnonzero(truth[i]).tolist()],
            [held_out.labels[c] for c in np.flatnonzero(answers[i]).tolist()],
            float(certainty[i]),
        )
        for i in worst.tolist()
    )
