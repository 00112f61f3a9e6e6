"""Extrapolation: a law that holds is found, and a small error is not multiplied by the rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tuneworks.statistics.extrapolation import by_growth, on_a_learning_curve, on_a_line


@given(some.floats(0, 100), some.floats(0.001, 10), some.integers(1000, 100_000))
def test_what_grows_on_a_line_is_foretold(height: float, slope: float, at: int) -> None:
    rows = [100.0, 300.0]
    foretold = on_a_line(rows, [height + slope * count for count in rows], at)
    assert foretold == pytest.approx(height + slope * at, rel=1e-6)


def test_a_falling_line_is_taken_for_level() -> None:
    assert on_a_line([100, 300], [5.0, 4.0], 1000) == 4.0


def test_one_per_cent_of_noise_stays_a_few_per_cent() -> None:
    assert by_growth([400, 800], [1000.0, 1010.0], 12_000) < 1060


@given(some.floats(0.05, 0.9), some.floats(0.5, 2.0))
def test_a_power_law_is_found_again(power: float, scale: float) -> None:
    rows = [50.0, 150.0, 450.0]
    errors = [scale * count**-power for count in rows]
    assert on_a_learning_curve(rows, errors, 5000) == pytest.approx(scale * 5000**-power, rel=1e-6)


def test_a_curve_that_rises_is_taken_for_level() -> None:
    assert on_a_learning_curve([50, 100], [0.2, 0.3], 1000) == pytest.approx(0.3)
