"""Answers in a form people like to read: spans marked in their text, quantiles as boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from tuneworks.core.records import to_plain
from tuneworks.core.text import Text
from tuneworks.reports.svg import both, drawing, element, line

AROUND = 60
SHOWN_NUMBERS = 5
BOX_WIDTH, BOX_HEIGHT, STEP = 10.0, 90.0, 14.0
NO_ANSWER = Text("no answer", "无答案")
NOTHING = Text("none", "无")
FORECAST = Text("quantiles of each step; dots are the truth", "每一步的分位数；圆点为真实值")


def marked(text: str, spans: Sequence[Mapping[str, Any]]) -> Markup:
    """A text with its labelled stretches marked, far from any of them shortened."""
    if not spans:
        return element("span", both(NOTHING), class_="soft")
    return element("span", *_pieces(text, sorted(spans, key=lambda span: span["start"])), class_="marked")


def boxes(levels: Sequence[float], values: Sequence[Sequence[float]], truth: Sequence[float] = ()) -> Markup:
    """For each step a box from its lowest to its highest quantile with the middle one drawn, and the truth as a dot."""
    held = [number for step in values for number in step] + list(truth)
    low, high = min(held), max(held)
    reach = (high - low) or 1.0

    def y(value: float) -> float:
        return 5 + (BOX_HEIGHT - 10) * (1 - (value - low) / reach)

    marks: list[Markup] = []
    for number, step in enumerate(values):
        x, middle = 4 + number * STEP, min(range(len(levels)), key=lambda at: abs(levels[at] - 0.5))
        top, bottom = y(max(step)), y(min(step))
        marks.append(element("rect", x=x, y=top, width=BOX_WIDTH, height=max(1.0, bottom - top), class_="box"))
        marks.append(line(x, y(step[middle]), x + BOX_WIDTH, y(step[middle]), class_="median"))
        if number < len(truth):
            marks.append(element("circle", cx=x + BOX_WIDTH / 2, cy=y(truth[number]), r=2.5, class_="truth"))
    picture = drawing(8 + STEP * len(values), BOX_HEIGHT, *marks, name=FORECAST)
    ends = element("small", f"{low:.4g} … {high:.4g}")
    return element("div", picture, ends, class_="boxes")


def form(value: Any, inputs: Mapping[str, Any], truth: Any, show: Callable[[Any], Markup]) -> Markup:
    """A true or answered value of a mistake: by its own form where it has one, else as any cell is shown."""
    plain = to_plain(value)
    if isinstance(plain, Mapping) and plain.get("kind") in FORMS:
        return FORMS[plain["kind"]](plain, inputs, truth)
    if isinstance(plain, list) and len(plain) > SHOWN_NUMBERS and all(isinstance(one, (int, float)) for one in plain):
        ends = [*plain[: SHOWN_NUMBERS - 1], "…", plain[-1]]
        return escape(", ".join(f"{one:.4g}" if isinstance(one, float) else str(one) for one in ends))
    spans = plain if isinstance(plain, list) and _are_spans(plain) else None
    text = _text_holding(spans, inputs) if spans is not None else None
    return marked(text, spans) if spans is not None and text is not None else show(value)


def _passage(answer: Mapping[str, Any], inputs: Mapping[str, Any], truth: Any) -> Markup:
    if answer["text"] is None:
        return element("span", both(NO_ANSWER), class_="soft")
    span = {"start": answer["start"], "end": answer["end"], "label": ""}
    text = _text_holding([span], inputs)
    return escape(answer["text"]) if text is None else marked(text, [span])


def _forecast(answer: Mapping[str, Any], inputs: Mapping[str, Any], truth: Any) -> Markup:
    return boxes(answer["levels"], answer["values"], truth if isinstance(truth, (list, tuple)) else ())


FORMS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any], Any], Markup]] = {
    "spans": _passage,
    "quantiles": _forecast,
}
"""By the kind of an answer: its form, given the inputs and the truth."""


def _pieces(text: str, spans: Sequence[Mapping[str, Any]]) -> Iterator[Markup]:
    at = 0
    for number, span in enumerate(spans):
        start = max(at, span["start"])
        yield _between(text[at:start], first=number == 0)
        name = [element("small", span["label"])] if span["label"] else []
        yield element("mark", text[start : span["end"]], *name)
        at = max(at, span["end"])
    yield _between(text[at:], last=True)


def _between(text: str, *, first: bool = False, last: bool = False) -> Markup:
    """Text between marks, its middle left out where it is long."""
    before = "" if first else text[:AROUND]
    after = "" if last else text[-AROUND:]
    if len(text) <= len(before) + len(after) + 3:
        return escape(text)
    return escape(f"{before} … {after}")


def _are_spans(values: Sequence[Any]) -> bool:
    return bool(values) and all(
        isinstance(value, Mapping) and {"start", "end", "label"} <= value.keys() for value in values
    )


def _text_holding(spans: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]) -> str | None:
    """The input text the spans lie in: the longest that reaches to their ends."""
    texts = [value for value in inputs.values() if isinstance(value, str)]
    longest = max(texts, key=len, default="")
    return longest if longest and all(span["end"] <= len(longest) for span in spans) else None
