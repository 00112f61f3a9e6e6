"""Answers with one label: the most probable, every probability to six digits, written as short as that."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numbers

from tuneworks.core.answers import ClassAnswer
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.class_targets import DIGITS, LEAST, class_answers, to_digits

SHARES = numbers.arrays(np.float32, (4, 3), elements=st.floats(0, 1, width=32))


@given(SHARES)
def test_a_share_is_kept_to_six_digits_and_written_in_no_more(scores: np.ndarray) -> None:
    told, exact = to_digits(scores.astype(np.float64)), scores.astype(np.float64)
    assert np.allclose(told, exact, rtol=0.6 * 10.0 ** (1 - DIGITS), atol=10 * LEAST * 10.0**-DIGITS)
    for one in told.ravel():
        digits = json.dumps(float(one)).partition("e")[0].replace(".", "").strip("0")
        assert len(digits) <= DIGITS


@given(SHARES)
def test_the_answer_is_the_most_probable_label(scores: np.ndarray) -> None:
    spec = TaskSpec(labels=("a", "b", "c"))
    for row, answer in zip(scores, class_answers(spec, scores), strict=True):
        assert isinstance(answer, ClassAnswer)
        assert answer.label == spec.labels[int(row.argmax())]
        assert answer.score == answer.scores[answer.label] == max(answer.scores.values())


def test_no_scores_give_no_answers() -> None:
    assert class_answers(TaskSpec(labels=("a", "b")), []) == []
