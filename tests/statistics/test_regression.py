"""Scores of numbers agree with the libraries everybody knows, resample as sums, and say what they cannot measure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.text import plain
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.comparison import compare
from tuneworks.statistics.intervals import value
from tuneworks.statistics.regression import METRICS, evaluate_numbers, number_tallies

SPEC = TaskSpec(inputs={"area": "area"}, target="price")


def made(rows: int = 400, level: float = 0.0, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    truth = random.normal(level, 3, rows)
    return truth, truth + random.normal(0.2, noise, rows)


@pytest.mark.parametrize("level", [0.0, 1e7])
def test_scores_are_those_of_scikit_learn_and_scipy(level: float) -> None:
    truth, answers = made(level=level)
    found = {name: value(tally) for name, tally in number_tallies(truth, answers).items()}
    assert found == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(truth, answers),
            "rmse": metrics.root_mean_squared_error(truth, answers),
            "r2": metrics.r2_score(truth, answers),
            "pearson": stats.pearsonr(truth, answers)[0],
            "spearman": stats.spearmanr(truth, answers)[0],
        }
    )
    assert found.keys() == METRICS.keys()


def test_rows_without_a_truth_do_not_count() -> None:
    truth, answers = made()
    gaps = np.where(np.arange(len(truth)) % 3 == 0, np.nan, truth)
    known = np.isfinite(gaps)
    with_gaps = {name: value(tally) for name, tally in number_tallies(gaps, answers).items()}
    without = {name: value(tally) for name, tally in number_tallies(truth[known], answers[known]).items()}
    assert with_gaps == pytest.approx(without)


def test_intervals_hold_the_score_and_shrink_with_rows() -> None:
    few, many = (
        evaluate_numbers(*made(rows), spec=SPEC, rows=[{"area": 1.0}] * rows)[0].scores["rmse"] for rows in (100, 1600)
    )
    assert few.low < few.value < few.high
    assert 2 < (few.high - few.low) / (many.high - many.low) < 8


def test_a_smaller_error_wins() -> None:
    rough, fine = number_tallies(*made(noise=2.0)), number_tallies(*made(noise=0.5))
    for metric in ("mae", "rmse"):
        better = compare(rough, fine, metric=metric, name=plain(""))
        assert better.less_is_better
        assert better.won
        assert better.probability_better == 1.0
        assert not compare(fine, rough, metric=metric, name=plain("")).won


def test_equal_answers_have_no_correlation_but_an_error() -> None:
    truth, _ = made()
    assert number_tallies(truth, np.zeros(len(truth))).keys() == {"mae", "rmse", "r2"}
    assert number_tallies(np.ones(5), np.arange(5.0)).keys() == {"mae", "rmse"}
    spec = TaskSpec(inputs={"area": "area"}, target="price", metric="pearson")
    with pytest.raises(UnsuitableData, match="not defined"):
        evaluate_numbers(np.ones(5), np.arange(5.0), spec=spec, rows=[{}] * 5)


def test_the_report_shows_the_worst_rows_first_and_every_fifth() -> None:
    truth, answers = made()
    answers[7] += 100
    evaluation, _ = evaluate_numbers(truth, answers, spec=SPEC, rows=[{"area": float(i)} for i in range(len(truth))])
    assert evaluation.mistakes[0].inputs == {"area": 7.0}
    assert evaluation.mistakes[0].error == pytest.approx(abs(answers[7] - truth[7]))
    by_size = evaluation.tables[0]
    assert [row[1] for row in by_size.rows] == [80] * 5
    assert [row[2] for row in by_size.rows] == sorted(row[2] for row in by_size.rows)
    assert evaluation.charts[0].measured
    assert evaluation.less_is_better == ("mae", "rmse")


def test_what_is_no_number_is_refused() -> None:
    truth, answers = made()
    with pytest.raises(InvalidInput, match="finite numbers"):
        evaluate_numbers(truth, np.where(answers > 0, np.nan, answers), spec=SPEC, rows=[{}] * len(truth))
    with pytest.raises(UnsuitableData, match="no rows"):
        evaluate_numbers(np.full(3, np.nan), np.zeros(3), spec=SPEC, rows=[{}] * 3)
    with pytest.raises(InvalidConfig, match="rmse"):
        evaluate_numbers(truth, answers, spec=TaskSpec(metric="rsme"), rows=[{}] * len(truth))
