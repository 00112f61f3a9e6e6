"""Answers in a report: spans marked where they stand, quantiles as boxes, everything escaped."""

from __future__ import annotations

from markupsafe import escape

from tuneworks.core.answers import ForecastAnswer, PassageAnswer, Span
from tuneworks.reports.forms import boxes, form, marked

TEXT = "Anna <b>moved</b> to Paris"


def plainly(value: object) -> object:
    return escape(str(value))


def test_spans_are_marked_where_they_stand_and_nothing_else_is_changed() -> None:
    made = marked(TEXT, [{"start": 21, "end": 26, "label": "PLACE"}, {"start": 0, "end": 4, "label": "PERSON"}])
    assert made.index("<mark>Anna<small>PERSON</small></mark>") < made.index("<mark>Paris<small>PLACE</small></mark>")
    assert "&lt;b&gt;moved&lt;/b&gt;" in made


def test_text_far_from_marks_is_left_out() -> None:
    text = "a" * 500 + "Paris" + "b" * 500
    made = marked(text, [{"start": 500, "end": 505, "label": "PLACE"}])
    assert "<mark>Paris" in made
    assert len(made) < 300


def test_a_span_that_does_not_lie_in_the_inputs_is_shown_as_it_is() -> None:
    spans = [Span(0, 400, "PLACE", "Paris")]
    assert "<mark>" not in form(spans, {"text": TEXT}, None, plainly)
    assert "<mark>" in form([Span(21, 26, "PLACE")], {"text": TEXT}, None, plainly)


def test_an_answer_in_a_passage_is_marked_and_none_is_said() -> None:
    inputs = {"question": "Where?", "context": TEXT}
    assert "<mark>Paris</mark>" in form(PassageAnswer("Paris", 21, 26, 0.9), inputs, None, plainly)
    none = form(PassageAnswer(None, None, None, 0.9), inputs, None, plainly)
    assert "no answer" in none
    assert "无答案" in none


def test_quantiles_are_a_box_a_step_with_the_truth_as_a_dot() -> None:
    answer = ForecastAnswer((0.1, 0.5, 0.9), ((1.0, 2.0, 3.0), (2.0, 3.0, 5.0)))
    made = form(answer, {}, [2.5, 4.0], plainly)
    assert made.count("<rect") == 2
    assert made.count("<circle") == 2
    assert boxes((0.5,), ((1.0,), (1.0,))).count("<rect") == 2


def test_many_numbers_are_shown_by_their_ends() -> None:
    assert form([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.25], {}, None, plainly) == "1, 2, 3, 4, …, 7.25"


def test_anything_else_is_shown_as_any_cell() -> None:
    assert form("late", {}, None, plainly) == "late"
    assert form([], {"text": TEXT}, None, plainly) == "[]"
