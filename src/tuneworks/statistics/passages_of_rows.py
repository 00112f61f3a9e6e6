"""Neighbouring rows of one document as one passage, so that each sentence is read in the light of those around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from tuneworks.core.asking import Row

BETWEEN = "\n"


def passages(
    rows: Sequence[Row], splits: Sequence[str], lengths: Sequence[int], *, document: str, target: str, most: int
) -> Iterator[list[int]]:
    """The numbers of rows that are read together, in order: of one document and split, at most ``most`` units long.

    A row of no document stands alone, and so does one that is longer, or does not say its target.
    """
    together = partial(_together, document=document, target=target)
    group: list[int] = []
    for row, length in enumerate(lengths):
        held = group and together(rows[group[-1]], rows[row]) and splits[group[-1]] == splits[row]
        if group and not (held and sum(lengths[i] for i in group) + length <= most):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def merged(rows: Sequence[Row], text: str, target: str) -> Row:
    """Rows as one: their texts on lines of their own, their spans where they then stand.

    A row alone is left as it is.
    """
    if len(rows) == 1:
        return rows[0]
    texts = [str(row.get(text) or "") for row in rows]
    return {**rows[0], text: BETWEEN.join(texts), target: list(_shifted(rows, texts, target))}


def _shifted(rows: Sequence[Row], texts: Sequence[str], target: str) -> Iterator[dict[str, Any]]:
    begin = 0
    for row, own in zip(rows, texts, strict=True):
        for span in row[target]:
            yield {**span, "start": span["start"] + begin, "end": span["end"] + begin}
        begin += len(own) + len(BETWEEN)


def _together(first: Row, second: Row, *, document: str, target: str) -> bool:
    known = all(row.get(column) is not None for row in (first, second) for column in (document, target))
    return known and first[document] == second[document]
