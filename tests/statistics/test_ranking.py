"""Ranks, curves and the exact test of paired answers are those of the libraries that are known for them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, rankdata
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from tuneworks.statistics import curves
from tuneworks.statistics.comparison import mcnemar
from tuneworks.statistics.ranking import ranks

TIED = np.random.default_rng(0).integers(0, 9, (40, 12)) / 8.0


def test_equal_values_share_their_places():
    first, last = ranks(TIED)
    assert (first == rankdata(TIED, method="min", axis=1)).all()
    assert (last == rankdata(TIED, method="max", axis=1)).all()
    assert [len(places) for places in ranks(np.zeros(0))] == [0, 0]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
@settings(max_examples=60, deadline=None)
def test_curves_and_the_areas_under_them_are_scikit_learns(rows):
    hits, scores = (np.array(column) for column in zip(*rows, strict=True))
    if hits.all() or not hits.any():
        return
    wrong, found, _ = roc_curve(hits, scores, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(hits, scores)
    ours, told = curves._roc(hits, scores), curves._precision_recall(hits, scores)
    assert set(zip(*ours, strict=True)) <= set(zip(wrong, found, strict=True))
    assert np.allclose(told, (recall[::-1], precision[::-1]))
    assert curves._under(ours) == pytest.approx(roc_auc_score(hits, scores))
    assert curves._in_steps(told) == pytest.approx(average_precision_score(hits, scores))


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (3, 3), (9, 2), (0, 12), (40, 61)])
def test_paired_answers_are_tested_exactly(gained, lost):
    champion = np.repeat([False, True, True], [gained, lost, 5])
    challenger = np.repeat([True, False, True], [gained, lost, 5])
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(champion, challenger) == pytest.approx(expected)
