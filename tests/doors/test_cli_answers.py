"""Every kind of answer reads well in a terminal, in both languages."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tuneworks.cli.answers import FORMS, answer_line
from tuneworks.core import answers
from tuneworks.core.text import set_language
from tuneworks.core.types import Prediction

TEXT = {"text": "Anna moved to Paris"}
CASES = [
    (answers.ClassAnswer("late", 0.9, {"late": 0.9, "lost": 0.1}), "late  0.900"),
    (answers.LabelsAnswer(("a", "b"), {"a": 0.9, "b": 0.6, "c": 0.1}), "a 0.900, b 0.600"),
    (answers.LabelsAnswer((), {"a": 0.1}), "none"),
    (
        answers.SpansAnswer((answers.Span(0, 4, "WHO", "Anna"), answers.Span(14, 19, "WHERE", "Paris"))),
        "[Anna WHO] moved to [Paris WHERE]",
    ),
    (answers.PassageAnswer("Paris", 14, 19, 0.8), "Paris  0.800"),
    (answers.PassageAnswer(None, None, None, 0.8), "no answer  0.800"),
    (answers.NumberAnswer(112.5), "112.5"),
    (answers.ForecastAnswer((0.1, 0.5, 0.9), ((1.0, 2.0, 3.0),)), "+1             2  [1, 3]"),
    (answers.SimilarityAnswer(0.25, False), "0.250  different"),
    (answers.SimilarityAnswer(3.75), "3.750"),
    (answers.AnomalyAnswer(3.0, 2.5, True), "anomalous  3 (2.5)"),
    (answers.TextAnswer("A meeting was held.", 0.4), "A meeting was held."),
]


def line(answer: Any) -> str:
    return answer_line(Prediction("p", "d", "v", "2026", TEXT, answer, 1.0))


def test_every_kind_of_answer_has_a_form() -> None:
    assert FORMS.keys() == {kind.__dataclass_fields__["kind"].default for kind in get_args(answers.Answer)}


@pytest.mark.parametrize(("answer", "expected"), CASES)
def test_an_answer_reads_well(answer: Any, expected: str) -> None:
    assert line(answer) == expected


def test_words_of_ours_are_in_the_users_language() -> None:
    set_language("zh")
    try:
        assert line(answers.SimilarityAnswer(0.25, True)) == "0.250  相同"
        assert line(answers.LabelsAnswer((), {})) == "无"
    finally:
        set_language(None)
