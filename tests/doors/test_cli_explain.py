"""Explanations read well in a terminal: what speaks for the answer in green, against it in red, with figures."""

from __future__ import annotations

import click

from tuneworks.cli.explanations import explanation_lines
from tuneworks.core.answers import ClassAnswer, NumberAnswer
from tuneworks.core.explaining import Attribution, Explanation, Neighbour, Part
from tuneworks.core.text import Text

ANSWER = ClassAnswer("late", 0.9, {"late": 0.9, "lost": 0.1})


def told(answer: object, inputs: dict[str, object], **attribution: object) -> Explanation:
    what = Attribution(Text("probability", "概率"), 0.9, 0.5, **attribution)  # type: ignore[arg-type]
    return Explanation("tickets@1", inputs, answer, "occlusion", Text("why", "原因"), what, "late")  # type: ignore[arg-type]


def test_words_are_coloured_by_their_weight() -> None:
    parts = (Part("text", 0.4, "parcel", 3, 9), Part("text", -0.2, "it", 10, 12), Part("text", 0.01, "my", 0, 2))
    lines = list(explanation_lines(told(ANSWER, {"text": "my parcel it"}, parts=parts)))
    assert lines[0] == "late  0.900"
    assert click.style("parcel", fg="green", bold=True) in lines[2]
    assert click.style("it", fg="red", bold=True) in lines[2]
    assert click.unstyle(lines[2]) == "  my parcel it"
    assert lines[2].startswith("  my ")
    assert "+0.4" in lines[3]


def test_columns_and_places_are_named() -> None:
    parts = (Part("area", 12.5, "109.2"), Part("photo", -3.0, box=(0.5, 0.0, 1.0, 0.5)))
    text = "\n".join(explanation_lines(told(NumberAnswer(7.0), {"area": 109.2, "photo": "x"}, parts=parts)))
    assert "area = 109.2" in text
    assert "photo 50–100 % × 0–50 %" in text


def test_nearest_rows_are_listed() -> None:
    near = (Neighbour(17, 0.91, {"text": "where is it"}, "late"), Neighbour(None, 0.9, {"text": "b"}, None))
    text = "\n".join(explanation_lines(told(ANSWER, {"text": "a"}, neighbours=near)))
    assert "where is it" in text
    assert "17" in text
