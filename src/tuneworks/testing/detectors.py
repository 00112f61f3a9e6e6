"""What every detector must hold to: quiet where nothing changed, silent where it cannot tell, the same every time."""

from __future__ import annotations

from math import isfinite

import numpy

from tuneworks.core.answers import Answer, ClassAnswer, NumberAnswer, Span, SpansAnswer
from tuneworks.core.types import Feedback, TaskSpec
from tuneworks.core.watching import Detector, Window

LABELS = ("billing", "delivery", "other")
CLASSES = TaskSpec(task="text-classification", inputs={"text": "text"}, target="topic", labels=LABELS)
SPANS = TaskSpec(task="token-classification", inputs={"text": "text"}, target="spans", labels=LABELS)
NUMBERS = TaskSpec(task="tabular-regression", inputs={"area": "area"}, target="price")
SPECS = (CLASSES, SPANS, NUMBERS)
Random = numpy.random.Generator
Judged = tuple[Answer, Feedback]
MOST_FALSE_ALARMS = 4
NULL_WINDOWS = 40


def check_detector(detector: Detector) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(detector)


def window(spec: TaskSpec, rows: int, seed: int, *, moved: float = 0.0, wrong: float = 0.1) -> Window:
    """Judged predictions: features and answers moved by ``moved``, a share ``wrong`` of the answers wrong."""
    random = numpy.random.default_rng(seed)
    judged = JUDGED[spec.task or ""](random, rows, moved, wrong)
    features = random.normal(moved, 1.0, (rows, 8)).astype(numpy.float32)
    return Window(features, [answer for answer, _ in judged], judged)


def check_empty_windows_say_nothing(detector: Detector) -> None:
    """Where there are no rows there is no measurement and no signal."""
    for spec in SPECS:
        empty = Window(numpy.zeros((0, 8), dtype=numpy.float32), [])
        full = window(spec, 300, 0)
        for reference, current in ((full, empty), (empty, full), (empty, empty)):
            measured = detector.measure(reference, current, spec)
            assert measured is None or not measured.raised, f"{_name(detector)} raises a signal without data"
        assert detector.measure(full, empty, spec) is None, f"{_name(detector)} measures a window without rows"


def check_the_same_windows_measure_the_same(detector: Detector) -> None:
    """Nothing is left to chance."""
    for spec in SPECS:
        reference, current = window(spec, 300, 0), window(spec, 200, 1, moved=0.3)
        assert detector.measure(reference, current, spec) == detector.measure(reference, current, spec), (
            f"{_name(detector)} measures the same windows differently"
        )


def check_a_signal_is_past_its_threshold(detector: Detector) -> None:
    """What is raised lies above the threshold and is said in both languages."""
    for spec in SPECS:
        for moved, wrong in ((0.0, 0.1), (0.5, 0.5), (3.0, 0.9)):
            measured = detector.measure(window(spec, 300, 0), window(spec, 200, 1, moved=moved, wrong=wrong), spec)
            if measured is None:
                continue
            assert isfinite(measured.value + measured.threshold), f"{_name(detector)} gives no finite figure"
            assert not measured.raised or measured.value > measured.threshold, (
                f"{_name(detector)} raises below its threshold"
            )
            assert all((measured.message.en, measured.message.zh)), f"{_name(detector)} is silent in one language"
            assert measured.message.en != measured.message.zh, f"{_name(detector)} speaks one language only"


def check_steady_data_are_quiet(detector: Detector) -> None:
    """Windows of one distribution hardly ever raise a signal."""
    for spec in SPECS:
        raised = 0
        for seed in range(NULL_WINDOWS):
            measured = detector.measure(window(spec, 300, 1000 + seed), window(spec, 100, 2000 + seed), spec)
            raised += measured is not None and measured.raised
        assert raised <= MOST_FALSE_ALARMS, f"{_name(detector)} raised {raised} of {NULL_WINDOWS} times on steady data"


def _labels(random: Random, rows: int, moved: float, wrong: float) -> list[tuple[str, str]]:
    """Answered and true labels."""
    shares = numpy.array([0.5, 0.3, 0.2]) * (1 - min(1.0, moved)) + numpy.array([0, 0, 1.0]) * min(1.0, moved)
    answered = random.choice(3, rows, p=shares)
    true = (answered + (random.random(rows) < wrong)) % 3
    return [(LABELS[first], LABELS[second]) for first, second in zip(answered, true, strict=True)]


def _judged_classes(random: Random, rows: int, moved: float, wrong: float) -> list[Judged]:
    return [
        (
            ClassAnswer(label, 0.9, {name: 0.9 if name == label else 0.05 for name in LABELS}),
            Feedback("", "", value=true, correct=label == true),
        )
        for label, true in _labels(random, rows, moved, wrong)
    ]


def _judged_spans(random: Random, rows: int, moved: float, wrong: float) -> list[Judged]:
    return [
        (
            SpansAnswer((Span(0, 4, label),)),
            Feedback("", "", value=[{"start": 0, "end": 4, "label": true}], correct=label == true),
        )
        for label, true in _labels(random, rows, moved, wrong)
    ]


def _judged_numbers(random: Random, rows: int, moved: float, wrong: float) -> list[Judged]:
    """Answers that are a little off, wrong ones ten times as far."""
    answers = random.normal(100 + 20 * moved, 10, rows)
    errors = numpy.abs(random.normal(0, 1, rows)) * numpy.where(random.random(rows) < wrong, 10, 1)
    return [
        (NumberAnswer(answer), Feedback("", "", value=answer + error, correct=False, error=error))
        for answer, error in zip(answers.tolist(), errors.tolist(), strict=True)
    ]


JUDGED = {
    spec.task: judged for spec, judged in zip(SPECS, (_judged_classes, _judged_spans, _judged_numbers), strict=True)
}


def _name(detector: Detector) -> str:
    return type(detector).__name__


CHECKS = tuple(
    check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_detector"
)
