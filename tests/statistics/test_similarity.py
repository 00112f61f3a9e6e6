"""What yes, no and grades say of likeness, and how scores are measured against them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.intervals import value
from tuneworks.statistics.similarity import (
    ON_A_SCALE,
    YES_OR_NO,
    is_same,
    must_be_metric,
    on_scale,
    same_among,
    share_of,
    sides,
    similarity_tallies,
)

BINARY = TaskSpec(target="same", labels=("0", "1"))
GRADED = TaskSpec(target="grade", options={"low": 1.0, "high": 5.0})


@pytest.mark.parametrize(
    ("labels", "same"),
    [
        (("0", "1"), "1"),
        (("True", "False"), "True"),
        (("相同", "不同"), "相同"),
        (("是", "否"), "是"),
        (("x", "y2"), "y2"),
    ],
)
def test_the_label_for_the_same_is_told_by_its_word(labels: tuple[str, str], same: str) -> None:
    assert same_among(labels) == same


def test_the_user_s_own_label_for_the_same_comes_first() -> None:
    assert sides(TaskSpec(labels=("0", "1"), options={"same": "0"})) == ("1", "0")


@pytest.mark.parametrize(
    ("said", "meant"), [(1, True), ("0", False), (True, True), ("Yes", True), ("否", False), ("perhaps", None)]
)
def test_yes_and_no_may_be_said_in_many_words(said: object, meant: bool | None) -> None:
    assert is_same(said, BINARY) is meant


def test_targets_lie_between_nought_and_one() -> None:
    assert [share_of(grade, GRADED) for grade in (1, 3, "5", 9)] == [0.0, 0.5, 1.0, 1.0]
    assert np.isnan(share_of("x", GRADED))
    assert [share_of(label, BINARY) for label in ("0", 1)] == [0.0, 1.0]
    assert np.isnan(share_of("2", BINARY))
    assert on_scale(np.array([0.0, 0.5]), GRADED).tolist() == [1.0, 3.0]


def test_metrics_of_yes_and_no_are_scikit_learn_s() -> None:
    random = np.random.default_rng(0)
    truth, scores = random.integers(0, 2, 200).astype(float), random.uniform(size=200)
    made = {name: value(tally) for name, tally in similarity_tallies(truth, scores, BINARY).items()}
    assert made == pytest.approx(
        {
            "accuracy": accuracy_score(truth, scores > 0.5),
            "f1": f1_score(truth, scores > 0.5),
            "roc_auc": roc_auc_score(truth, scores),
            "average_precision": average_precision_score(truth, scores),
        },
        abs=1e-6,
    )


def test_correlations_are_scipy_s_and_none_where_all_scores_are_equal() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(size=200)
    scores = truth + random.normal(size=200)
    tallies = similarity_tallies(truth, scores, GRADED)
    assert value(tallies["pearson"]) == pytest.approx(pearsonr(truth, scores).statistic)
    assert value(tallies["spearman"]) == pytest.approx(spearmanr(truth, scores).statistic)
    assert value(similarity_tallies(truth, np.full(200, 0.4), GRADED)["pearson"]) == 0


def test_a_metric_that_does_not_suit_the_target_is_refused() -> None:
    assert must_be_metric("f1", YES_OR_NO) == "f1"
    with pytest.raises(InvalidConfig, match="pearson"):
        must_be_metric("pearsn", ON_A_SCALE)
    with pytest.raises(InvalidConfig):
        must_be_metric("accuracy", ON_A_SCALE)
