"""Temperature scaling finds the temperature; calibration error measures the gap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from tuneworks.statistics.calibration import (
    expected_calibration_error,
    fit_temperature,
    reliability_table,
    softmax,
)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_made_the_logits_is_found(temperature):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20_000, 4)) * 2
    truth = np.array([generator.choice(4, p=row) for row in softmax(logits)])
    assert fit_temperature(logits * temperature, truth) == pytest.approx(temperature, rel=0.05)


@given(st.integers(0, 1000))
def test_a_fitted_temperature_is_never_worse_than_none(seed):
    generator = np.random.default_rng(seed)
    logits, truth = generator.normal(size=(30, 3)) * 5, generator.integers(0, 3, 30)

    def loss(temperature):
        logs = log_softmax(logits / temperature, axis=1)
        right = logs[np.arange(30), truth]
        return -(31 * right + (logs.sum(axis=1) - right) / 2).mean() / 32

    assert loss(fit_temperature(logits, truth)) <= loss(1.0) + 1e-6


def test_a_few_rows_all_right_do_not_make_the_model_certain():
    logits, truth = np.eye(2)[[0, 1] * 10] * 4.0, np.array([0, 1] * 10)
    confidence = softmax(logits, fit_temperature(logits, truth)).max(axis=1)
    assert confidence == pytest.approx(np.full(20, 21 / 22), abs=0.01)


def test_temperature_never_changes_the_answer():
    logits = np.random.default_rng(1).normal(size=(100, 5))
    assert (softmax(logits, 7.0).argmax(axis=1) == logits.argmax(axis=1)).all()
    assert softmax(logits, 7.0).sum(axis=1) == pytest.approx(np.ones(100))


def test_rows_of_unknown_labels_teach_no_temperature():
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [9.0, 0.0]])
    assert fit_temperature(logits, np.array([0, 0, -1])) == fit_temperature(logits[:2], np.array([0, 0]))
    assert fit_temperature(logits, np.array([-1, -1, -1])) == 1.0


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    confidence = np.array([0.9] * 10 + [0.5] * 10)
    right = np.array([1] * 6 + [0] * 4 + [1] * 5 + [0] * 5)
    assert expected_calibration_error(confidence, right) == pytest.approx((0.3 * 10 + 0) / 20)


def test_bins_hold_all_rows():
    confidence = np.random.default_rng(2).random(500)
    confidence[:2] = 0, 1
    rows = reliability_table(confidence, confidence > 0.5).rows
    assert sum(row[2] for row in rows) == 500
    assert all(low <= mean <= high for low, high, _, mean, _ in rows)
