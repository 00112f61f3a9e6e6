"""Spans as IOB2 tags of a text's units, and back (Tjong Kim Sang and Veenstra 1999).

>>> units = [(0, 3), (4, 8), (9, 15)]
>>> tags_of_spans(units, [Span(4, 15, "PLACE")])
['O', 'B-PLACE', 'I-PLACE']
>>> spans_of_tags(units, ["O", "B-PLACE", "I-PLACE"], "see Hong Kong's")
[Span(start=4, end=15, label='PLACE', text="Hong Kong's", score=None)]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuneworks.core.answers import Span

Units = Sequence[tuple[int, int]]


def tags_of_spans(units: Units, spans: Sequence[Span]) -> list[str]:
    """One tag a unit; a unit belongs to a span it overlaps, to the first where several claim it."""
    tags = ["O"] * len(units)
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        covered = [i for i, (start, end) in enumerate(units) if start < span.end and end > span.start]
        free = [i for i in covered if tags[i] == "O"]
        for i in free:
            tags[i] = f"{'B' if i == free[0] else 'I'}-{span.label}"
    return tags


def spans_of_tags(units: Units, tags: Sequence[str], text: str) -> list[Span]:
    """The spans the tags mark; an I- that continues nothing of its label starts a span."""
    return [
        Span(units[first][0], units[last][1], label, text[units[first][0] : units[last][1]])
        for first, last, label in _stretches(tags)
    ]


def _stretches(tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    first, label = 0, ""
    for position, tag in enumerate([*tags, "O"]):
        mark, _, own = tag.partition("-")
        if label and (mark != "I" or own != label):
            yield first, position - 1, label
            label = ""
        if mark in ("B", "I") and not label:
            first, label = position, own
