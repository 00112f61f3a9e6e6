"""Scores of label sets agree with scikit-learn's, and count every label that the model never learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.intervals import value
from tuneworks.statistics.multi_label import (
    LOSSES,
    METRICS,
    evaluate_labels,
    label_rows,
    label_tallies,
    loss_tallies,
    ranking_precision,
)

LABELS = ("cards", "loans", "rates", "service")
SPEC = TaskSpec(
    "multi-label-classification", {"text": "text"}, "topics", LABELS, "micro_f1", options={"threshold": 0.5}
)


def held_out(rows: int = 300, seed: int = 0, threshold: float = 0.5):
    random = np.random.default_rng(seed)
    truth = (random.random((rows, 4)) < [0.5, 0.3, 0.1, 0.02]).astype(float)
    scores = np.round(np.clip(0.5 * truth + 0.7 * random.random(truth.shape), 0, 1), 2)
    made = [
        {"text": f"text {i}", "topics": [name for name, one in zip(LABELS, row, strict=True) if one]}
        for i, row in enumerate(truth)
    ]
    spec = replace(SPEC, options={"threshold": threshold})
    return label_rows(truth, scores, spec=spec, rows=made), spec, made


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_every_score_is_scikit_learns(threshold: float) -> None:
    given, _, _ = held_out(threshold=threshold)
    answers = given.scores >= threshold
    f1 = {
        name: metrics.f1_score(given.truth, answers, average=name, zero_division=zero)
        for name, zero in (("micro", 0.0), ("macro", np.nan), ("weighted", 0.0), ("samples", 1.0))
    }
    expected = {f"{name}_f1": score for name, score in f1.items()} | {
        "subset_accuracy": metrics.accuracy_score(given.truth, answers),
        "label_ranking_average_precision": metrics.label_ranking_average_precision_score(given.truth, given.scores),
        "roc_auc": metrics.roc_auc_score(given.truth, given.scores, average="macro"),
        "average_precision": metrics.average_precision_score(given.truth, given.scores, average="macro"),
        "hamming_loss": metrics.hamming_loss(given.truth, answers),
    }
    measured = {name: value(tally) for name, tally in (label_tallies(given) | loss_tallies(given)).items()}
    assert measured.keys() == METRICS.keys() | LOSSES.keys()
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_a_row_without_labels_that_is_answered_with_none_is_right() -> None:
    spec = replace(SPEC, labels=("a", "b"))
    rows = [{"topics": []}, {"topics": ["a"]}]
    given = label_rows(np.array([[0, 0], [1, 0]]), np.array([[0.1, 0.2], [0.9, 0.1]]), spec=spec, rows=rows)
    assert {name: value(tally) for name, tally in label_tallies(given).items()} == dict.fromkeys(
        label_tallies(given), 1.0
    )


def test_ties_are_ranked_behind() -> None:
    truth, scores = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0]]), np.array([[0.5, 0.5, 0.5]] * 3)
    assert ranking_precision(truth, scores).tolist() == pytest.approx([1 / 3, 1.0, 2 / 3])
    assert ranking_precision(truth, scores).mean() == pytest.approx(
        metrics.label_ranking_average_precision_score(truth, scores)
    )


def test_a_label_the_model_never_learnt_costs_as_much_as_it_should() -> None:
    spec = replace(SPEC, labels=("a", "b"))
    rows = [{"topics": ["a"]}, {"topics": ["b", "new"]}]
    truth, scores = np.array([[1, 0], [0, 1]]), np.array([[0.9, 0.1], [0.1, 0.9]])
    given = label_rows(truth, scores, spec=spec, rows=rows)
    measured = {name: value(tally) for name, tally in (label_tallies(given) | loss_tallies(given)).items()}
    assert measured["micro_f1"] == pytest.approx(4 / 5)
    assert measured["macro_f1"] == pytest.approx(2 / 3)
    assert measured["subset_accuracy"] == 0.5
    assert measured["hamming_loss"] == pytest.approx(1 / 6)
    report = evaluate_labels(given, spec=spec, rows=rows).tables[0]
    assert [str(row[0]).startswith("new (") for row in report.rows[:-3]] == [False, False, True]


def test_the_report_says_each_labels_scores_with_their_interval() -> None:
    given, spec, rows = held_out()
    report = evaluate_labels(given, spec=spec, rows=rows).tables[0]
    expected = metrics.precision_recall_fscore_support(given.truth, given.answers, zero_division=0.0)
    for number, row in enumerate(report.rows[:4]):
        assert row[:5] == pytest.approx((LABELS[number], *(float(part[number]) for part in expected)))
        assert row[5] <= row[3] <= row[6]


def test_the_threshold_chart_passes_through_the_scores_reported() -> None:
    given, spec, rows = held_out(threshold=0.3)
    evaluation = evaluate_labels(given, spec=spec, rows=rows)
    chart = next(chart for chart in evaluation.charts if chart.name == "thresholds")
    curve = dict(zip(chart.lines[-1].xs, chart.lines[-1].ys, strict=True))
    assert curve[0.3] == pytest.approx(evaluation.scores["micro_f1"].value)


def test_mistakes_show_both_lists_the_surest_wrong_decision_first() -> None:
    given, spec, rows = held_out()
    mistakes = evaluate_labels(given, spec=spec, rows=rows).mistakes
    assert [m.confidence for m in mistakes] == sorted((m.confidence for m in mistakes), reverse=True)
    assert all(m.truth != m.answer and isinstance(m.truth, list) for m in mistakes)


def test_intervals_of_a_label_set_hold_the_score() -> None:
    given, spec, rows = held_out()
    for score in evaluate_labels(given, spec=spec, rows=rows).scores.values():
        assert score.low <= score.value <= score.high


def test_scores_that_cannot_be_measured_are_refused() -> None:
    rows = [{"topics": ["cards"]}] * 2
    with pytest.raises(UnsuitableData):
        label_rows(np.zeros((0, 4)), np.zeros((0, 4)), spec=SPEC, rows=[])
    with pytest.raises(InvalidInput):
        label_rows(np.zeros((2, 4)), np.full((2, 4), np.nan), spec=SPEC, rows=rows)
    given = label_rows(np.eye(4)[:2], np.eye(4)[:2], spec=SPEC, rows=rows)
    with pytest.raises(InvalidConfig):
        evaluate_labels(given, spec=replace(SPEC, metric="applause"), rows=rows)
