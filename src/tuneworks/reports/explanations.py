"""Explanations as a page that needs nothing else, in both languages: texts, tables and images coloured by weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from tuneworks.core.explaining import Explanation, Part
from tuneworks.core.text import current_language
from tuneworks.core.types import Picture
from tuneworks.reports.forms import FORMS, form
from tuneworks.reports.html import environment, show
from tuneworks.reports.pictures import thumbnail
from tuneworks.reports.svg import element

MOST_SHOWN = 200
FOR, AGAINST = "11,110,117", "166,50,28"
STRONGEST = 0.75
TOLD = ("spans", "labels", "text", "value", "score", "perplexity")
"""What is told of an answer that has no form of its own: the first of these that it has."""


def render_explanations(explanations: Sequence[Explanation]) -> str:
    """The page as HTML text, of the first ``MOST_SHOWN``; it can be switched between languages without a script."""
    page = environment().get_template("explanations.html.j2")
    return page.render(
        language=current_language(),
        version=explanations[0].version,
        explanations=explanations[:MOST_SHOWN],
        count=len(explanations),
        coloured=coloured,
        bars=bars,
        answered=_answered,
    )


def coloured(explanation: Explanation) -> list[tuple[str, Markup]]:
    """Each column that has stretches or boxes among its parts, drawn with these in colour."""
    made = []
    strongest = _strongest(explanation)
    for column, value in explanation.inputs.items():
        parts = [part for part in explanation.attribution.parts if part.column == column]
        if any(part.start is not None for part in parts):
            made.append((column, Markup("").join(_words(str(value), parts, strongest))))
        elif any(part.box for part in parts) and isinstance(value, Picture):
            made.append((column, _image(value, parts, strongest)))
    return made


def bars(explanation: Explanation) -> list[tuple[str, str, float, str]]:
    """Columns that are parts themselves: name, value, weight, and the width of its bar."""
    strongest = _strongest(explanation)
    return [
        (part.column, part.shown, part.weight, f"{100 * abs(part.weight) / strongest:.1f}%")
        for part in explanation.attribution.parts
        if part.start is None and part.box is None
    ]


def _answered(explanation: Explanation) -> Markup:
    answer = explanation.answer
    if explanation.label is not None:
        score = getattr(answer, "scores", {}).get(explanation.label)
        return escape(explanation.label if score is None else f"{explanation.label}  {score:.3f}")
    whole = answer.kind in FORMS
    told = answer if whole else next(getattr(answer, name) for name in TOLD if hasattr(answer, name))
    return form(told, explanation.inputs, None, show)


def _strongest(explanation: Explanation) -> float:
    return max((abs(part.weight) for part in explanation.attribution.parts), default=0.0) or 1.0


def _words(text: str, parts: Sequence[Part], strongest: float) -> Iterator[Markup]:
    at = 0
    for part in sorted(parts, key=lambda one: one.start or 0):
        begin, end = part.start or 0, part.end or 0
        yield escape(text[at:begin])
        yield element("span", text[begin:end], style=_colour(part.weight, strongest), title=f"{part.weight:+.4g}")
        at = end
    yield escape(text[at:])


def _image(picture: Picture, parts: Sequence[Part], strongest: float) -> Markup:
    """The picture with a veil of colour over each of its pieces."""
    veils = []
    for part in parts:
        left, top, right, bottom = part.box or (0.0, 0.0, 0.0, 0.0)
        place = f"left:{100 * left:.2f}%;top:{100 * top:.2f}%;width:{100 * (right - left):.2f}%;"
        style = f"{place}height:{100 * (bottom - top):.2f}%;{_colour(part.weight, strongest)}"
        veils.append(element("i", style=style, title=f"{part.weight:+.4g}"))
    return element("span", thumbnail(picture) or escape(picture[:23]), *veils, class_="veiled")


def _colour(weight: float, strongest: float) -> str:
    return f"background:rgba({FOR if weight >= 0 else AGAINST},{STRONGEST * abs(weight) / strongest:.3f})"
