"""What each detector sees, and what it does not mistake for a change."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest

from tuneworks.core import registry
from tuneworks.core.types import Feedback
from tuneworks.core.watching import Measurement, Window
from tuneworks.detectors.prediction_shift import distances
from tuneworks.detectors.realised_performance import wilson
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.statistics.shift import jensen_shannon
from tuneworks.testing.detectors import CLASSES, SPANS, window

BEFORE = window(CLASSES, 500, 0)


def measure(name: str, reference: Window, current: Window) -> Measurement:
    measured = registry.load("detectors", name)().measure(reference, current, CLASSES)
    assert measured is not None
    return measured


@pytest.mark.parametrize("spec", [CLASSES, SPANS], ids=["labels", "spans"])
@pytest.mark.parametrize("name", ["input-shift", "prediction-shift"])
def test_a_planted_shift_is_found(name: str, spec: object) -> None:
    raised = [
        registry.load("detectors", name)()
        .measure(window(spec, 500, seed), window(spec, 200, 100 + seed, moved=0.4), spec)
        .raised
        for seed in range(10)
    ]
    assert all(raised)


def test_a_shift_of_labels_alone_is_seen_in_the_predictions_alone() -> None:
    moved = replace(window(CLASSES, 200, 1, moved=0.6), features=window(CLASSES, 200, 2).features)
    assert measure("prediction-shift", BEFORE, moved).raised
    assert not measure("input-shift", BEFORE, moved).raised


def test_fewer_rows_need_a_larger_shift() -> None:
    thresholds = [measure("prediction-shift", BEFORE, window(CLASSES, rows, 1)).threshold for rows in (400, 60, 30)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1]


def test_too_few_rows_are_not_judged() -> None:
    few = window(CLASSES, 15, 1, moved=3.0, wrong=1.0)
    for name in ("input-shift", "prediction-shift", "realised-performance"):
        assert registry.load("detectors", name)().measure(BEFORE, few, CLASSES) is None


def test_label_shares_use_the_same_distance_as_the_statistics() -> None:
    shape, now = shape_of("classes"), window(CLASSES, 80, 3, moved=0.5)
    before, after = (shape.signature(answers, CLASSES).values.sum(0) for answers in (BEFORE.answers, now.answers))
    assert distances(before[None], after[None])[0] == pytest.approx(jensen_shannon(before, after))


def test_more_errors_than_on_held_out_rows_are_found_and_as_many_are_not() -> None:
    assert measure("realised-performance", BEFORE, window(CLASSES, 100, 1, wrong=0.35)).raised
    assert not measure("realised-performance", BEFORE, window(CLASSES, 100, 1, wrong=0.1)).raised


def test_a_few_wrong_answers_among_a_few_are_no_proof() -> None:
    assert not measure("realised-performance", BEFORE, window(CLASSES, 20, 4, wrong=0.2)).raised


@pytest.mark.parametrize("wrong", [0.02, 0.1, 0.5])
def test_the_interval_of_an_error_holds_it_as_often_as_it_says(wrong: float) -> None:
    random = numpy.random.default_rng(0)
    drawn = random.binomial(200, wrong, 4000)
    held = [low <= wrong <= high for low, high in (wilson(count / 200, 200) for count in drawn)]
    assert 0.975 <= numpy.mean(held) <= 1.0


def test_a_label_nobody_taught_is_named() -> None:
    known = window(CLASSES, 40, 1)
    answer = known.answers[0]
    judged = [*known.judged, (answer, Feedback("", "", value="refund", correct=False))]
    measured = measure("unseen-values", BEFORE, replace(known, judged=judged))
    assert measured.raised
    assert measured.value == 1
    assert "refund" in measured.message.en
    assert "refund" in measured.message.zh
    assert not measure("unseen-values", BEFORE, known).raised


def test_a_verdict_without_truth_counts_as_right_or_wrong_but_teaches_no_label() -> None:
    answer = BEFORE.answers[0]
    verdicts = [(answer, Feedback("", "", correct=False)) for _ in range(30)]
    current = Window(BEFORE.features, BEFORE.answers, verdicts)
    assert measure("realised-performance", BEFORE, current).raised
    assert registry.load("detectors", "unseen-values")().measure(BEFORE, current, CLASSES) is None
