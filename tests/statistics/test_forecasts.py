"""Measures of forecasts: against values worked out by hand, and intervals that know that windows overlap."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from tuneworks.core.answers import ForecastAnswer
from tuneworks.statistics.forecasts import Forecasts, blocks_of, evaluate_forecasts, forecast_tallies
from tuneworks.statistics.intervals import intervals, value
from tuneworks.statistics.time_series import HOUR, moved

LEVELS = (0.1, 0.5, 0.9)


def forecasts(windows: int = 400, horizon: int = 6, seed: int = 0) -> Forecasts:
    """Overlapping windows of one walk, forecast by its last value."""
    walk = np.random.default_rng(seed).normal(size=windows + horizon + 24).cumsum()
    ends = np.arange(24, 24 + windows)
    histories = walk[ends[:, None] + np.arange(-24, 0)]
    truth = walk[ends[:, None] + np.arange(horizon)]
    spread = np.array([-1.28, 0.0, 1.28]) * np.sqrt(np.arange(1, horizon + 1))[:, None]
    times = [moved("2024-01-01T00:00:00", HOUR, int(end)) for end in ends]
    return Forecasts(histories[:, -1][:, None, None] + spread, truth, histories, times, LEVELS, HOUR, 24)


def test_the_measures_are_those_of_their_definitions() -> None:
    made = forecasts()
    measured = {name: value(tally) for name, tally in forecast_tallies(made).items()}
    off = made.truth - made.histories[:, -1:]
    assert measured["mae"] == pytest.approx(np.abs(off).mean(), rel=1e-6)
    assert measured["rmse"] == pytest.approx(np.sqrt((off**2).mean()), rel=1e-6)
    losses = [mean_pinball_loss(made.truth.ravel(), made.values[:, :, q].ravel(), alpha=LEVELS[q]) for q in range(3)]
    assert measured["pinball"] == pytest.approx(np.mean(losses), rel=1e-6)
    naive = made.histories[:, :6]
    assert measured["mase"] == pytest.approx(np.abs(off).mean() / np.abs(made.truth - naive).mean(), rel=1e-6)


def test_a_band_as_wide_as_it_says_covers_as_much() -> None:
    covered = [
        evaluate_forecasts(forecasts(seed=seed), "mae", inputs=("y", "t")).scores["coverage"] for seed in range(5)
    ]
    assert np.mean([score.value for score in covered]) == pytest.approx(0.8, abs=0.05)


def test_intervals_know_that_windows_overlap() -> None:
    """The values of other walks fall into a walk's interval far more often than rows as if independent would say."""
    means = [value(forecast_tallies(forecasts(seed=seed))["mae"]) for seed in range(40)]
    inside = [
        score.low <= np.mean(means) <= score.high
        for score in (intervals(forecast_tallies(forecasts(seed=seed)))["mae"] for seed in range(40))
    ]
    assert np.mean(inside) >= 0.75


def test_blocks_are_a_week_long_where_there_are_weeks_and_never_shorter_than_the_horizon() -> None:
    assert len(set(blocks_of(forecasts(windows=24 * 7 * 10)).tolist())) == 10
    few = blocks_of(forecasts(windows=40, horizon=12))
    assert np.bincount(few)[:-1].min() >= 12


def test_the_order_of_windows_changes_nothing() -> None:
    made = forecasts(100)
    order = np.random.default_rng(1).permutation(100)
    times = [made.times[i] for i in order]
    moved_ones = Forecasts(made.values[order], made.truth[order], made.histories[order], times, LEVELS, HOUR, 24)
    first, second = (evaluate_forecasts(one, "mae", inputs=("y", "t")).scores for one in (made, moved_ones))
    for name, score in first.items():
        assert (second[name].value, second[name].low) == pytest.approx((score.value, score.low))


def test_the_report_shows_each_step_a_typical_window_and_the_worst_of_each_block() -> None:
    evaluation = evaluate_forecasts(forecasts(), "mae", inputs=("load", "hour"))
    assert [row[0] for row in evaluation.tables[0].rows] == [1, 2, 3, 4, 5, 6]
    assert [chart.name for chart in evaluation.charts] == ["forecast", "error_by_step"]
    assert all(chart.measured for chart in evaluation.charts)
    errors = [mistake.error for mistake in evaluation.mistakes]
    assert errors == sorted(errors, reverse=True)
    assert len({mistake.inputs["hour"] for mistake in evaluation.mistakes}) == len(errors) > 1
    assert isinstance(evaluation.mistakes[0].answer, ForecastAnswer)


def test_a_perfect_naive_forecast_leaves_nothing_to_relate_to() -> None:
    flat = np.ones((20, 3))
    times = [moved("2024-01-01T00:00:00", HOUR, number) for number in range(20)]
    made = Forecasts(np.ones((20, 3, 3)), flat, np.ones((20, 24)), times, LEVELS, HOUR, 24)
    assert forecast_tallies(made).keys() == {"mae", "pinball", "rmse"}
