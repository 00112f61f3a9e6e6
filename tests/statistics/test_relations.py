"""The relations' own scores are those of the official scorer: directions pooled but counted, absence left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from tuneworks.core.types import TaskSpec
from tuneworks.statistics.intervals import value
from tuneworks.statistics.relations import METRICS, absence_among, evaluate_relations, relation_of, relation_tallies

LABELS = ("Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other", "Part-Whole(e1,e2)")
SPEC = TaskSpec(
    "relation-extraction", {"text": "text"}, "relation", LABELS, "relation_macro_f1", options={"absence": "Other"}
)


def sure(answers: np.ndarray) -> np.ndarray:
    return np.eye(len(LABELS))[answers] * 0.9 + 0.025


def rows_of(truth: np.ndarray) -> list[dict[str, str]]:
    return [{"text": "", "relation": LABELS[label]} for label in truth]


def measured(truth: np.ndarray, answers: np.ndarray, spec: TaskSpec = SPEC) -> dict[str, float]:
    tallies = relation_tallies(truth, sure(answers), spec=spec, rows=rows_of(truth))
    return {name: value(tally) for name, tally in tallies.items()}


def official(truth: np.ndarray, answers: np.ndarray, relations: dict[str, tuple[int, ...]]) -> list[float]:
    """Each relation's F1 as the scorer's script works it out from the confusion of the directed labels."""
    confusion = metrics.confusion_matrix(truth, answers, labels=range(len(LABELS)))
    scores = []
    for members in relations.values():
        right = sum(confusion[one, one] for one in members)
        answered, true = confusion[:, list(members)].sum(), confusion[list(members)].sum()
        precision, recall = right / answered if answered else 0, right / true if true else 0
        scores.append(2 * precision * recall / (precision + recall) if right else 0.0)
    return scores


def test_the_macro_f1_of_relations_is_the_official_scorers() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 400)
    answers = np.where(random.random(400) < 0.6, truth, random.integers(0, 4, 400))
    expected = official(truth, answers, {"Cause-Effect": (0, 1), "Part-Whole": (3,)})
    assert measured(truth, answers)["relation_macro_f1"] == pytest.approx(np.mean(expected), abs=1e-6)


def test_a_wrong_direction_costs_precision_and_recall_once_each() -> None:
    truth, answers = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert measured(truth, answers)["relation_micro_f1"] == pytest.approx(3 / 4)
    assert measured(truth, answers)["accuracy"] == pytest.approx(3 / 4)


def test_absence_counts_only_where_it_is_mistaken_for_a_relation() -> None:
    truth = np.array([2, 2, 2, 3])
    assert measured(truth, np.array([2, 2, 2, 3]))["relation_micro_f1"] == 1.0
    assert measured(truth, np.array([3, 2, 2, 3]))["relation_micro_f1"] == pytest.approx(2 / 3)
    assert measured(truth, np.array([2, 2, 2, 2]))["relation_micro_f1"] == 0.0
    assert measured(truth, np.array([2, 2, 2, 3]), replace(SPEC, options={}))["relation_micro_f1"] == 1.0


def test_without_directions_and_absence_it_is_the_usual_macro_f1() -> None:
    spec = replace(SPEC, labels=("a", "b", "c", "d"), options={"absence": None})
    random = np.random.default_rng(1)
    truth, answers = random.integers(0, 4, 200), random.integers(0, 4, 200)
    rows = [{"relation": spec.labels[label]} for label in truth]
    tallies = relation_tallies(truth, sure(answers), spec=spec, rows=rows)
    assert value(tallies["relation_macro_f1"]) == pytest.approx(metrics.f1_score(truth, answers, average="macro"))


def test_a_relation_the_model_never_learnt_counts_against_it() -> None:
    rows = [{"relation": "Cause-Effect(e1,e2)"}, {"relation": "Product-Producer(e1,e2)"}]
    tallies = relation_tallies(np.array([0, -1]), sure(np.array([0, 2])), spec=SPEC, rows=rows)
    assert value(tallies["relation_macro_f1"]) == pytest.approx(1 / 2)


@pytest.mark.parametrize("metric", METRICS)
def test_any_of_the_metrics_can_decide(metric: str) -> None:
    random = np.random.default_rng(2)
    truth = random.integers(0, 4, 80)
    evaluation = evaluate_relations(
        truth, sure(random.integers(0, 4, 80)), spec=replace(SPEC, metric=metric), rows=rows_of(truth)
    )
    assert evaluation.metric == metric
    assert set(METRICS) <= set(evaluation.scores)
    assert [row[0] for row in evaluation.tables[0].rows[:2]] == ["Cause-Effect", "Part-Whole"]


def test_names_say_direction_and_absence() -> None:
    assert relation_of("Cause-Effect( e2 , e1 )") == "Cause-Effect"
    assert relation_of("e1(e3,e4)") == "e1(e3,e4)"
    assert absence_among(["收购", "unknown"]) == "unknown"
    assert absence_among(["no_relation", "founder"]) == "no_relation"
