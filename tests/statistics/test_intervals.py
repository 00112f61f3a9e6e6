"""Intervals hold what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from tuneworks.core.errors import UnsuitableData
from tuneworks.core.evaluation import Tally
from tuneworks.statistics.intervals import (
    difference,
    interval,
    intervals,
    probability_better,
    resampled_totals,
    value,
    weights,
)
from tuneworks.statistics.ranking import Ranking, areas, average_precisions


def mean_tally(values):
    sums = np.column_stack([values, np.ones(len(values))])
    return Tally(sums, lambda totals: totals[:, 0] / totals[:, 1])


@given(rows=st.integers(1, 300), seed=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_every_resample_draws_as_many_rows_as_there_are(rows, seed):
    drawn = weights(rows, resamples=20, seed=seed)
    assert drawn.shape == (20, rows)
    assert drawn.dtype == np.float32
    assert (drawn.sum(axis=1) == rows).all()
    assert (drawn >= 0).all()


def test_weights_are_the_same_for_the_same_seed_and_differ_between_seeds():
    assert (weights(50, resamples=30, seed=3) == weights(50, resamples=30, seed=3)).all()
    assert (weights(50, resamples=30, seed=3) != weights(50, resamples=30, seed=4)).any()


def test_resampling_in_chunks_gives_the_same_sums_as_all_weights_at_once(monkeypatch):
    sums = np.random.default_rng(0).random((40, 3))
    monkeypatch.setattr("tuneworks.statistics.intervals.CELLS_AT_ONCE", 170)
    assert np.allclose(resampled_totals(sums, resamples=33), weights(40, resamples=33) @ sums)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_an_interval_holds_its_value(values):
    score = interval(mean_tally(np.array(values)), resamples=100)
    assert score.low <= score.value <= score.high


def test_an_interval_covers_the_truth_about_95_times_in_100():
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        score = interval(mean_tally((generator.random(200) < 0.8).astype(float)), resamples=300)
        held += score.low <= 0.8 <= score.high
    assert 270 <= held <= 297


def test_a_perfect_score_on_few_rows_is_not_certain():
    score = interval(mean_tally(np.ones(20)))
    assert score.value == score.high == 1.0
    assert score.low == pytest.approx(0.025 ** (1 / 20))
    assert interval(mean_tally(np.zeros(20))).high == pytest.approx(1 - 0.025 ** (1 / 20))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_a_model_does_not_differ_from_itself(values):
    tally = mean_tally(np.array(values))
    score = difference(tally, mean_tally(np.array(values)), resamples=50)
    assert (score.value, score.low, score.high) == (0, 0, 0)
    assert probability_better(tally, tally, resamples=50) == 0.5


def test_pairing_makes_a_difference_sharper_than_two_separate_intervals():
    generator = np.random.default_rng(2)
    difficulty = generator.random(400)
    champion, challenger = mean_tally(difficulty), mean_tally(difficulty + 0.02)
    paired = difference(champion, challenger)
    assert paired.low > 0
    assert paired.high - paired.low < (interval(champion).high - interval(champion).low) / 10
    assert probability_better(champion, challenger) == 1.0


def test_intervals_of_several_metrics_agree_with_each_alone():
    tallies = {"a": mean_tally(np.arange(30.0)), "b": mean_tally(np.arange(30.0) ** 2)}
    together = intervals(tallies)
    assert together == {name: interval(tally) for name, tally in tallies.items()}


def test_models_scored_on_different_rows_cannot_be_compared():
    with pytest.raises(UnsuitableData, match="3 rows, the challenger on 4"):
        difference(mean_tally(np.ones(3)), mean_tally(np.ones(4)))


def test_no_rows_is_an_error():
    with pytest.raises(UnsuitableData, match="no rows to score"):
        interval(Tally(np.zeros((0, 2)), lambda totals: totals[:, 0]))


scored_rows = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60).filter(
    lambda rows: len({positive for positive, _ in rows}) == 2
)


@given(scored_rows)
@settings(max_examples=150, deadline=None)
def test_area_and_average_precision_equal_scikit_learns_with_ties(rows):
    truth = np.array([int(positive) for positive, _ in rows])
    scores = np.array([score / 6 for _, score in rows])
    ranking = Ranking(truth, np.column_stack([1 - scores, scores]), [1])
    assert value(Tally(ranking, areas)) == pytest.approx(roc_auc_score(truth, scores))
    assert value(Tally(ranking, average_precisions)) == pytest.approx(average_precision_score(truth, scores))


@given(scored_rows, st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_resampled_areas_equal_scikit_learns_with_sample_weights(rows, seed):
    truth = np.array([int(positive) for positive, _ in rows])
    scores = np.array([score / 6 for _, score in rows])
    drawn = weights(len(rows), resamples=5, seed=seed)
    measured = drawn @ Ranking(truth, np.column_stack([1 - scores, scores]), [1])
    for weight, area, precision in zip(drawn, areas(measured), average_precisions(measured), strict=True):
        if len(set(truth[weight > 0])) == 2:
            assert area == pytest.approx(roc_auc_score(truth, scores, sample_weight=weight))
            assert precision == pytest.approx(average_precision_score(truth, scores, sample_weight=weight))


def test_areas_of_many_classes_are_averaged_over_the_classes_present():
    generator = np.random.default_rng(3)
    truth = generator.choice([0, 1, 3], 90)
    scores = generator.dirichlet(np.ones(4), 90)
    ranking = Ranking(truth, scores, range(4))
    expected = np.mean([roc_auc_score(truth == c, scores[:, c]) for c in (0, 1, 3)])
    assert ranking.classes == [0, 1, 3]
    assert value(Tally(ranking, areas)) == pytest.approx(expected)
