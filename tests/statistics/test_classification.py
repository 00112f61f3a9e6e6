"""A classifier's evaluation agrees with scikit-learn and survives odd rows."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    brier_score_loss,
    classification_report,
    confusion_matrix,
    f1_score,
    log_loss,
    roc_auc_score,
)

from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.records import to_json
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.classification import LOSSES, METRICS, evaluate_classes
from tuneworks.statistics.intervals import value

LABELS = ("apple", "pear", "plum", "查询")


def spec_of(labels=LABELS, metric="macro_f1"):
    return TaskSpec("text-classification", {"text": "text"}, "topic", tuple(labels), metric)


def rows_of(truth, labels=LABELS):
    return [{"text": f"row {i}", "topic": labels[t] if t >= 0 else "new", "secret": 1} for i, t in enumerate(truth)]


def evaluated(truth, scores, labels=LABELS, metric="macro_f1"):
    return evaluate_classes(truth, scores, spec=spec_of(labels, metric), rows=rows_of(truth, labels))


def example(rows=120, classes=4, seed=0):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, rows)
    scores = generator.dirichlet(np.ones(classes), rows) + 0.6 * np.eye(classes)[truth] * generator.random((rows, 1))
    return truth, scores / scores.sum(axis=1, keepdims=True)


def table_of(evaluation, name):
    return next(table for table in evaluation.tables if table.name == name)


@given(rows=st.integers(1, 40), classes=st.integers(2, 4), seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_report_equals_scikit_learns(rows, classes, seed):
    truth, scores = example(rows, classes, seed)
    report = table_of(evaluated(truth, scores, LABELS[:classes], "accuracy")[0], "classification_report")
    names = [LABELS[t] for t in truth]
    answers = [LABELS[a] for a in scores.argmax(axis=1)]
    expected = classification_report(names, answers, output_dict=True, zero_division=0)
    assert {str(getattr(row[0], "en", row[0])) for row in report.rows} == expected.keys()
    for name, precision, recall, f1, support, low, high in report.rows:
        wanted = expected[str(getattr(name, "en", name))]
        assert low - 1e-12 <= f1 <= high + 1e-12
        if name == Text("accuracy", "准确率"):
            assert f1 == pytest.approx(wanted)
            continue
        assert (precision, recall, f1, support) == pytest.approx(
            (wanted["precision"], wanted["recall"], wanted["f1-score"], wanted["support"])
        )


def test_scores_equal_scikit_learns():
    truth, scores = example()
    found = {name: score.value for name, score in evaluated(truth, scores)[0].scores.items()}
    answers = scores.argmax(axis=1)
    assert found["accuracy"] == found["micro_f1"] == pytest.approx(np.mean(truth == answers))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, answers, average="macro"))
    assert found["weighted_f1"] == pytest.approx(f1_score(truth, answers, average="weighted"))
    assert found["log_loss"] == pytest.approx(log_loss(truth, scores))
    assert found["brier"] == pytest.approx(brier_score_loss(truth, scores))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, scores, multi_class="ovr"))
    assert found.keys() == METRICS.keys() | LOSSES.keys()


def test_two_labels_take_the_last_as_positive():
    truth, scores = example(classes=2)
    evaluation, _ = evaluated(truth, scores, LABELS[:2])
    assert evaluation.scores["roc_auc"].value == pytest.approx(roc_auc_score(truth, scores[:, 1]))
    assert evaluation.scores["brier"].value == pytest.approx(brier_score_loss(truth, scores[:, 1]))
    roc = next(chart for chart in evaluation.charts if chart.name == "roc")
    assert [line.name.en for line in roc.lines] == ["pear"]


def test_every_interval_holds_its_score():
    evaluation, tallies = evaluated(*example())
    assert all(score.low <= score.value <= score.high for score in evaluation.scores.values())
    assert tallies.keys() == METRICS.keys()
    assert all(value(tally) == evaluation.scores[name].value for name, tally in tallies.items())


def test_labels_outside_the_list_are_always_wrong_and_each_counts_as_a_class():
    truth, scores = example()
    rows = rows_of(truth)
    for i in range(30):
        rows[i]["topic"], truth[i] = f"new {i % 3}", -1
    evaluation, tallies = evaluate_classes(truth, scores, spec=spec_of(), rows=rows)
    names, answers = [row["topic"] for row in rows], [LABELS[a] for a in scores.argmax(axis=1)]
    assert evaluation.scores["accuracy"].value == pytest.approx(np.mean(np.array(names) == np.array(answers)))
    assert evaluation.scores["macro_f1"].value == pytest.approx(f1_score(names, answers, average="macro"))
    assert value(tallies["macro_f1"]) == evaluation.scores["macro_f1"].value
    unknown = Text("new 0 (unknown to the model)", "new 0（模型未学过）")
    report = table_of(evaluation, "classification_report")
    assert next(row for row in report.rows if row[0] == unknown)[1:5] == (0.0, 0.0, 0.0, 10)
    assert evaluation.matrices[0].labels == (*LABELS, "new 0", "new 1", "new 2")
    assert any(mistake.truth == "new 1" for mistake in evaluation.mistakes)


def test_log_loss_stays_finite_when_the_model_is_sure_and_wrong():
    evaluation, _ = evaluated(np.array([0, 1, -1]), np.eye(4)[[1, 1, 2]])
    assert all(math.isfinite(x) for s in evaluation.scores.values() for x in (s.value, s.low, s.high))


def test_the_confusion_matrix_equals_scikit_learns():
    truth, scores = example()
    matrix = evaluated(truth, scores)[0].matrices[0]
    assert matrix.labels == LABELS
    assert (np.array(matrix.counts) == confusion_matrix(truth, scores.argmax(axis=1))).all()


def test_many_classes_list_the_most_confused_pairs():
    labels = [f"label {i:02d}" for i in range(40)]
    truth = np.arange(400) % 40
    scores = np.eye(40)[np.where(truth == 7, 9, truth)]
    pairs = table_of(evaluated(truth, scores, labels)[0], "confused_pairs")
    assert pairs.rows == (("label 07", "label 09", 10, 1.0),)


def test_mistakes_are_the_most_confident_wrong_rows_with_inputs_alone():
    truth, scores = example(200)
    mistakes = evaluated(truth, scores)[0].mistakes
    wrong = scores.max(axis=1)[scores.argmax(axis=1) != truth]
    assert [m.confidence for m in mistakes] == sorted(wrong, reverse=True)[:20]
    assert all(list(m.inputs) == ["text"] and m.truth != m.answer for m in mistakes)


def test_curves_are_short_and_lie_between_0_and_1():
    for chart in evaluated(*example(3000))[0].charts:
        for line in chart.lines:
            assert 1 <= len(line.xs) == len(line.ys) <= 200
            assert all(0 <= point <= 1 for point in (*line.xs, *line.ys))


def test_a_single_class_on_the_held_out_rows_leaves_out_what_is_undefined():
    evaluation, tallies = evaluated(np.zeros(5, dtype=int), np.full((5, 4), 0.25))
    assert "roc_auc" not in evaluation.scores
    assert "roc_auc" not in tallies
    assert [chart.name for chart in evaluation.charts] == ["reliability"]
    with pytest.raises(UnsuitableData, match="roc_auc is not defined"):
        evaluated(np.zeros(5, dtype=int), np.full((5, 4), 0.25), metric="roc_auc")


def test_an_evaluation_can_be_stored_as_json():
    truth, scores = example()
    truth[0] = -1
    stored = json.loads(to_json(evaluated(truth, scores)[0]))
    assert json.dumps(stored, allow_nan=False)


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(InvalidConfig) as caught:
        evaluated(*example(), metric="macro_f")
    assert "macro_f1" in caught.value.fix.en


def test_scores_that_are_not_numbers_are_refused():
    truth, scores = example()
    scores[3, 1] = np.nan
    with pytest.raises(InvalidInput, match="not finite"):
        evaluated(truth, scores)


def test_no_rows_is_an_error():
    with pytest.raises(UnsuitableData, match="no rows to score"):
        evaluated(np.zeros(0, dtype=int), np.zeros((0, 4)))
