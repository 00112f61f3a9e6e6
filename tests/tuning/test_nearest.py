"""The nearest known good: who is remembered, how far is too far, and what sparse and dense features come to."""

from __future__ import annotations

import numpy as np
import pytest

from tuneworks.methods.nearest import _distances, _threshold
from tuneworks.statistics.anomaly import anomaly_tallies, normal_label
from tuneworks.statistics.intervals import value


def test_distances_are_those_to_the_nearest_and_never_to_oneself() -> None:
    known = np.array([[0.0], [1.0], [10.0]], np.float32)
    assert _distances(known, np.array([[2.0]], np.float32), 1) == pytest.approx([1.0])
    assert _distances(known, np.array([[2.0]], np.float32), 2) == pytest.approx([1.5])
    assert _distances(known, known, 1, own=0) == pytest.approx([1.0, 1.0, 9.0])
    assert _distances(known, known[2:], 3, own=2) == pytest.approx([9.5])


@pytest.mark.parametrize(("count", "share", "most"), [(20, 0.01, 0.03), (50, 0.01, 0.02), (400, 0.05, 0.06)])
def test_about_as_many_good_ones_raise_an_alarm_as_were_allowed(count: int, share: float, most: float) -> None:
    random = np.random.default_rng(0)
    past = []
    for _ in range(200):
        limit = _threshold(random.normal(10, 1, count), share)
        past.append((random.normal(10, 1, 500) > limit).mean())
    assert share / 4 < np.mean(past) < most


def test_no_false_alarms_means_none_of_those_seen() -> None:
    apart = np.array([1.0, 2.0, 7.0])
    assert _threshold(apart, 0.0) == 7.0


def test_metrics_need_what_they_measure() -> None:
    scores = np.array([0.2, 0.9, 1.4, 3.0])
    some = anomaly_tallies(np.array([0, 0, 0, 1]), scores)
    assert {name: round(value(tally), 4) for name, tally in some.items()} == {
        "roc_auc": 1.0,
        "average_precision": 1.0,
        "f1": 0.6667,
        "missed": 0.0,
        "false_alarms": 0.3333,
    }
    assert set(anomaly_tallies(np.zeros(4, int), scores)) == {"false_alarms"}
    assert set(anomaly_tallies(np.ones(4, int), scores)) == {"f1", "missed"}


@pytest.mark.parametrize("label", ["good", "Normal", " OK", "正常", "良品", "no", "0"])
def test_usual_words_for_normal_are_known(label: str) -> None:
    assert normal_label({"scratch": 4, label: 2}) == label
