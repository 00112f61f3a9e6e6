"""How an explanation reads in a terminal: the answer, the row in colour, and its strongest parts in figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tuneworks.cli.answers import FORMS
from tuneworks.core.tables import format_table
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.core.explaining import Explanation, Part

STRONGEST = 8
LONGEST = 60
STRONG = 0.4  # of the strongest weight: bold from there on
FAINT = 0.08  # and without colour below this


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """All that is shown of one explanation."""
    yield FORMS[explanation.answer.kind](explanation.answer, explanation.inputs)
    yield f"  {explanation.reason}"
    parts = explanation.attribution.parts
    for column, value in explanation.inputs.items():
        own = [part for part in parts if part.column == column and part.start is not None]
        if own:
            name = f"{column}: " if len(explanation.inputs) > 1 else ""
            yield f"  {name}{_coloured(str(value), own, _strongest(parts))}"
    if parts:
        yield _figures(explanation)
    if explanation.attribution.neighbours:
        yield _neighbours(explanation)


def _coloured(text: str, parts: list[Part], strongest: float) -> str:
    """The text, what speaks for the answer in green, what speaks against it in red."""
    made, at = [], 0
    for part in sorted(parts, key=lambda one: one.start or 0):
        begin, end = part.start or 0, part.end or 0
        share = abs(part.weight) / strongest
        colour = ("green" if part.weight > 0 else "red") if share >= FAINT else None
        made += [
            text[at:begin],
            click.style(text[begin:end], fg=colour, bold=share >= STRONG) if colour else text[begin:end],
        ]
        at = end
    return "".join([*made, text[at:]]).replace("\n", " ")


def _figures(explanation: Explanation) -> str:
    attribution = explanation.attribution
    titles = (attribution.measure, Text("part", "部分"))
    rows = [(f"{part.weight:+.4g}", _named(part)) for part in attribution.parts[:STRONGEST]]
    return format_table(titles, rows)


def _named(part: Part) -> str:
    if part.box:
        left, top, right, bottom = (f"{100 * side:.0f}" for side in part.box)
        return f"{part.column} {left}–{right} % × {top}–{bottom} %"
    return _short(part.shown) if part.start is not None else _short(f"{part.column} = {part.shown}")


def _neighbours(explanation: Explanation) -> str:
    titles = (
        Text("similarity", "相似度"),
        Text("row", "行"),
        Text("truth", "真实值"),
        Text("training row", "训练数据"),
    )
    rows = [
        (
            f"{near.similarity:.3f}",
            near.row or "",
            _short(str(near.truth)),
            _short(" | ".join(map(str, near.inputs.values()))),
        )
        for near in explanation.attribution.neighbours
    ]
    return format_table(titles, rows)


def _strongest(parts: tuple[Part, ...]) -> float:
    return max((abs(part.weight) for part in parts), default=0.0) or 1.0


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"
