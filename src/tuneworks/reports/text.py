"""Plain-text scores and tables for a terminal, in the user's language; Chinese characters count two columns."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from tuneworks.core.answers import Span
from tuneworks.core.evaluation import Table
from tuneworks.core.text import Text
from tuneworks.core.types import Score

WIDEST_CELL = 60
BREAKING = ("Cc", "Zl", "Zp")  # control characters, line and paragraph separators


def format_score(score: Score) -> str:
    """A score with its 95 % interval.

    >>> format_score(Score(0.9, 0.885, 0.915))
    '0.900 (0.885–0.915)'
    """
    separator = "–" if score.low >= 0 else " … "
    return f"{score.value:.3f} ({score.low:.3f}{separator}{score.high:.3f})"


def format_table(table: Table) -> str:
    """Title, column heads, a rule and the rows; numbers to the right, long cells cut with an ellipsis."""
    heads = [_fitting(str(column)) for column in table.columns]
    rows = [[_fitting(format_value(cell)) for cell in row] for row in table.rows]
    widths = [max(width(line[i]) for line in [heads, *rows]) for i in range(len(heads))]
    to_right = [_numeric([row[i] for row in table.rows]) for i in range(len(heads))]
    lines = [_line(cells, widths, to_right) for cells in [heads, ["─" * w for w in widths], *rows]]
    return "\n".join([_clean(str(table.title)), "", *lines]) + "\n"


def format_value(value: Any) -> str:
    """A cell as text: shares with three decimals, counts with thousands separators, spans as text [label].

    >>> format_value(0.5), format_value(12345), format_value(None)
    ('0.500', '12,345', '')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Span):
        return f"{value.text} [{value.label}]"
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(format_value(item) for item in value) or "—"
    return str(value)


def width(text: str) -> int:
    """How many terminal columns a text takes.

    >>> width("F1 分数")
    7
    """
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _number(value: float) -> str:
    if math.isnan(value):
        return "—"
    small = value != 0 and abs(value) < 0.0005
    return f"{value:.3g}" if small or abs(value) >= 10_000 else f"{value:.3f}"


def _mapping(value: Mapping[str, Any]) -> str:
    if value.keys() == {"en", "zh"}:
        return str(Text(value["en"], value["zh"]))
    if "label" in value and "start" in value:
        return f"{value.get('text') or (str(value['start']) + '-' + str(value['end']))} [{value['label']}]"
    return "; ".join(f"{key}: {format_value(item)}" for key, item in value.items())


def _fitting(text: str) -> str:
    text = _clean(text)
    if width(text) <= WIDEST_CELL:
        return text
    while width(text) >= WIDEST_CELL:
        text = text[:-1]
    return text + "…"


def _clean(text: str) -> str:
    """On one line, and without control characters a terminal would obey."""
    return "".join(" " if unicodedata.category(character) in BREAKING else character for character in text)


def _numeric(cells: Sequence[Any]) -> bool:
    return any(isinstance(cell, (int, float)) for cell in cells) and all(
        cell is None or isinstance(cell, (int, float)) for cell in cells
    )


def _line(cells: Sequence[str], widths: Sequence[int], to_right: Sequence[bool]) -> str:
    padded = [
        " " * (w - width(cell)) + cell if right else cell + " " * (w - width(cell))
        for cell, w, right in zip(cells, widths, to_right, strict=True)
    ]
    return "  ".join(padded).rstrip()
