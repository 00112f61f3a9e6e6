"""Answers are compared as SQuAD does, word by word or character by character, the best over several references."""

from __future__ import annotations

import numpy as np
import pytest

from tuneworks.core.answers import PassageAnswer
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.intervals import value
from tuneworks.statistics.passages import PassageRows, evaluate_passages, overlap_f1, passage_tallies
from tuneworks.statistics.positions import marked, scores_of, with_none
from tuneworks.statistics.references import Reference, references

SPEC = TaskSpec(inputs={"question": "question", "context": "context"}, target="answers")
NONE = PassageAnswer(None, None, None, 0.9)


def answer(text: str) -> PassageAnswer:
    return PassageAnswer(text, 0, len(text), 0.5)


def measured(answers: list[PassageAnswer], truths: list[list[str]]) -> dict[str, float]:
    held_out = PassageRows(answers, [[Reference(text) for text in row] for row in truths], [""] * len(answers))
    return {name: value(tally) for name, tally in passage_tallies(held_out).items()}


def test_articles_case_and_marks_do_not_count() -> None:
    assert measured([answer("The Eiffel Tower!")], [["eiffel tower"]])["exact_match"] == 1


def test_the_best_of_several_references_counts() -> None:
    scores = measured([answer("北京市")], [["上海", "北京"]])
    assert scores == {"answer_f1": pytest.approx(0.8), "exact_match": 0.0, "answerable_accuracy": 1.0}


def test_no_answer_is_right_only_where_there_is_none() -> None:
    scores = measured([NONE, NONE, answer("Rome")], [[], ["Rome"], []])
    assert scores == pytest.approx({"answer_f1": 1 / 3, "exact_match": 1 / 3, "answerable_accuracy": 1 / 3})


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [("", "", 1.0), ("...", "a", 1.0), ("x", "", 0.0), ("1998年", "1998", 2 / 3), ("b b c", "b c c", 2 / 3)],
)
def test_overlap_counts_repeated_words_as_often_as_both_have_them(first: str, second: str, shared: float) -> None:
    assert overlap_f1(first, second) == pytest.approx(shared)


def test_mistakes_show_the_text_around_both_answers() -> None:
    context = "x" * 500 + " Rome and Paris " + "y" * 500
    given = PassageAnswer("Rome", 501, 505, 0.7)
    row = {"question": "Which?", "context": context, "answers": "Paris"}
    evaluation = evaluate_passages(PassageRows([given], [[Reference("Paris")]], [context]), spec=SPEC, rows=[row])
    (mistake,) = evaluation.mistakes
    assert (mistake.truth, mistake.answer, mistake.inputs["question"]) == ("Paris", "Rome", "Which?")
    shown = mistake.inputs["context"]
    assert "Rome and Paris" in shown
    assert shown[0] == shown[-1] == "…"
    assert len(shown) < 120


def test_a_stated_place_counts_where_the_words_stand_there() -> None:
    (there,) = references({"text": ["Rome"], "answer_start": [9]}) or ()
    assert there.place("Rome and Rome") == (9, 13)
    assert there.place("So, Rome is Rome") == (4, 8)
    assert there.place("Paris") == (-1, -1)


def test_no_answer_has_a_row_of_its_own() -> None:
    sums, lengths = with_none(np.zeros((3, 2), np.float32), [2, 0, 1])
    scores = scores_of(sums, lengths)
    assert [len(score) for score in scores] == [3, 1, 2]
    assert scores[1].tolist() == [[1.0, 1.0]]
    flags = marked([[1, 2], [0, 0], [-1, -1]], [2, 0, 1])
    assert flags[:2].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert np.isnan(flags[2, :2]).all()
