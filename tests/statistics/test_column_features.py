"""Columns become features that are the same for the same value, wherever it stands and however it is written."""

from __future__ import annotations

import numpy as np
import pytest

from tuneworks.statistics.column_features import ColumnState, features, kind_of, learn


def test_what_values_are_is_seen() -> None:
    assert kind_of([1, 2.5, None]) == "number"
    assert kind_of([[1.0, 2.0], None]) == "history"
    assert kind_of(["2024-03-05", None, "2024-03-06T08:00:00"]) == "time"
    assert kind_of(["1", "2"]) == kind_of(["red", None]) == kind_of([None]) == "category"


def test_numbers_are_on_one_scale_and_gaps_are_told() -> None:
    values = [1.0, 2.0, 3.0, None, 4.0]
    made = features(learn("x", values), values)
    assert made.shape == (5, 2)
    assert made[:, 0].mean() == pytest.approx(0, abs=1e-6)
    assert made[3].tolist() == [0.0, 1.0]


def test_a_long_tail_is_drawn_in_but_keeps_its_order() -> None:
    values = np.sort(np.random.default_rng(0).lognormal(5, 2, 500)).tolist()
    made = features(learn("x", values), values)[:, 0]
    assert (np.diff(made) > 0).all()
    assert made.max() < 5


def test_labels_count_once_they_are_seen_often_and_others_together() -> None:
    values = ["red"] * 5 + ["blue"] * 4 + ["odd", None]
    state = learn("x", values)
    assert state.labels == ("blue", "red")
    made = features(state, ["red", "blue", "odd", "never seen", None])
    assert made.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_labels_that_write_numbers_are_numbers_too() -> None:
    values = [str(number) for number in (-1, 0, 1, 2) for _ in range(5)]
    last = features(learn("x", values), ["-1", "0", "1", "2", "9"])[:, -1]
    assert (np.diff(last) > 0).all()


def test_a_history_is_summarised_over_all_and_its_end() -> None:
    histories = [[0.0, 1.0, 2.0, 3.0, 10.0, 20.0], [5.0], [4.0, 4.0], None, []]
    state = ColumnState("x", "history", (), tuple(range(11)), (0.0,) * 11, (0.0,) * 11, (1.0,) * 11)
    made = features(state, histories)
    whole, recent = np.array([0.0, 1, 2, 3, 10, 20]), np.array([10.0, 20])
    slope = float(np.polyfit(np.arange(6), whole, 1)[0])
    expected = [20, whole.mean(), whole.std(), slope, 0, 20, recent.mean(), recent.std(), 10, 10, 20]
    assert made[0].tolist() == pytest.approx(expected)
    assert made[1].tolist() == [5, 5, 0, 0, 5, 5, 5, 0, 0, 5, 5]
    assert not made[3:].any()


@pytest.mark.parametrize("gap", [[1.0, None, 3.0], [1.0, 3.0]])
def test_gaps_in_a_history_are_passed_over(gap: list[float | None]) -> None:
    histories = [[1.0, 3.0], [2.0, 7.0], [0.0, 9.0, 4.0]]
    state = learn("x", histories)
    assert features(state, [gap]).tolist() == features(state, [[1.0, 3.0]]).tolist()


def test_what_never_differs_is_no_feature() -> None:
    assert features(learn("x", [7.0] * 9), [7.0, 8.0]).shape == (2, 0)
    assert features(learn("x", [None, None]), [None, "a"]).shape == (2, 0)


def test_a_time_is_the_same_however_it_is_written() -> None:
    state = learn("x", ["2024-03-05", "2024-07-09T12:00:00", "2023-01-01"])
    assert features(state, ["2024/3/5"]).tolist() == features(state, ["2024-03-05T00:00:00"]).tolist()
