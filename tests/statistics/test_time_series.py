"""Windows of a series: nothing from a target's future, nothing across splits, gaps and repeats handled as said."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworks.statistics.time_series import (
    DAY,
    HOUR,
    Cut,
    Moment,
    levels_and_scales,
    moved,
    season_of,
    seasonal_naive,
    step_of,
    windows,
)


def hours(count: int, sides: str | None = None) -> list[Moment]:
    """An hourly series that counts up; ``sides``: a letter a row."""
    names = {"t": "train", "v": "validation", "x": "test"}
    return [
        Moment(moved("2024-01-30T00:00:00", HOUR, number), float(number), names[(sides or "t" * count)[number]])
        for number in range(count)
    ]


def test_every_window_continues_its_history() -> None:
    made = list(windows(hours(12), HOUR, Cut(4, 3)))
    assert len(made) == 12 - 4 - 3 + 1
    for window in made:
        assert all(b - a == 1 for a, b in pairwise([*window.history, *window.coming]))
        assert (len(window.history), len(window.coming)) == (4, 3)
        assert window.time == moved("2024-01-30T00:00:00", HOUR, int(window.history[-1]))


def test_targets_lie_in_one_split_and_histories_reach_back() -> None:
    made = list(windows(hours(12, "ttttttvvvxxx"), HOUR, Cut(4, 3)))
    assert [(window.coming, window.side) for window in made] == [
        ([6.0, 7.0, 8.0], "validation"),
        ([9.0, 10.0, 11.0], "test"),
    ]
    assert made[0].history == [2.0, 3.0, 4.0, 5.0]


@given(st.sets(st.integers(0, 39), max_size=20), st.integers(1, 6), st.integers(1, 4))
def test_missing_moments_are_never_targets_and_never_known_early(gone: set[int], history: int, horizon: int) -> None:
    moments = [moment for number, moment in enumerate(hours(40)) if number not in gone]
    if len(moments) < 2:
        return
    for window in windows(moments, HOUR, Cut(history, horizon)):
        now = int(window.history[-1])
        assert window.coming == [float(now + step) for step in range(1, horizon + 1)]
        assert not gone & set(range(now, now + horizon + 1))
        for back, value in enumerate(reversed(window.history)):
            assert now - back - 3 <= value <= now - back


def test_a_long_gap_breaks_and_a_short_one_holds_the_value_before() -> None:
    short = [m for m in hours(12) if m.value not in (3.0, 4.0)]
    assert next(windows(short, HOUR, Cut(6, 1))).history == [0.0, 1.0, 2.0, 2.0, 2.0, 5.0]
    long = [m for m in hours(14) if m.value not in (2.0, 3.0, 4.0, 5.0)]
    assert all(min(window.history) >= 6 for window in windows(long, HOUR, Cut(4, 1)))


def test_a_moment_said_twice_counts_as_said_last_in_any_order_of_rows() -> None:
    moments = hours(8)
    corrected = [*reversed(moments), Moment(moments[3].time, 30.0, "train")]
    made = next(windows(corrected, HOUR, Cut(5, 1)))
    assert made.history == [0.0, 1.0, 2.0, 30.0, 4.0]


def test_only_training_windows_are_thinned_out() -> None:
    made = list(windows(hours(30, "t" * 20 + "x" * 10), HOUR, Cut(2, 1, stride=5)))
    assert [window.side for window in made].count("train") == 3
    assert [window.side for window in made].count("test") == 10


def test_months_are_steps_of_one_length() -> None:
    months = [Moment(moved("2024-01-31", 30 * DAY, n), float(n), "train") for n in range(24)]
    step = step_of([moment.time for moment in months])
    assert season_of(step) == 12
    assert len(list(windows(months, step, Cut(12, 3)))) == 24 - 15 + 1


def test_the_scale_follows_the_unit_and_the_level_is_the_last_value() -> None:
    histories = np.random.default_rng(0).normal(size=(5, 30))
    level, scale = levels_and_scales(histories)
    assert level.ravel() == pytest.approx(histories[:, -1])
    assert levels_and_scales(histories * 7 + 100)[1] == pytest.approx(scale * 7)
    assert levels_and_scales(np.full((2, 30), 4.0))[1].ravel().tolist() == [1.0, 1.0]


def test_the_seasonal_naive_forecast_repeats_the_last_season() -> None:
    history = np.arange(10.0)[None]
    assert seasonal_naive(history, 5, 3).tolist() == [[7.0, 8.0, 9.0, 7.0, 8.0]]
    assert seasonal_naive(history, 2, 50).tolist() == [[9.0, 9.0]]
