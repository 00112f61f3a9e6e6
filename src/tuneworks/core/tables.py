"""Plain-text layout for terminals; Chinese characters count as two columns wide.

>>> print(format_table(["name", "行数"], [["tickets", 12], ["评论", 3]]))
name     行数
-------  ----
tickets    12
评论        3
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unicodedata import combining, east_asian_width

NO_BREAK_BEFORE = "，。、；：？！）》」』”’%,.;:?!)]"


def display_width(text: str) -> int:
    """How many terminal columns a text takes."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled with spaces to a display width."""
    spaces = " " * (width - display_width(text))
    return spaces + text if right else text + spaces


def wrap(text: str, width: int) -> list[str]:
    """Lines no wider than ``width``: broken at spaces, and between Chinese characters."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and display_width((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()]


def format_table(titles: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """A table with its titles underlined; columns of numbers are set to the right."""
    cells = [[str(title) for title in titles], *([_cell(value) for value in row] for row in rows)]
    widths = [max(display_width(row[i]) for row in cells) for i in range(len(titles))]
    right = [bool(rows) and all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(titles))]
    lines = [cells[0], ["-" * width for width in widths], *cells[1:]]
    return "\n".join(
        "  ".join(pad(cell, width, right=r) for cell, width, r in zip(line, widths, right, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _pieces(text: str) -> list[str]:
    """What must stay on one line: a word with the space after it, or one Chinese character with its punctuation."""
    pieces = [""]
    for character in text:
        before = pieces[-1][-1:]
        between_words = before == " " and character != " "
        beside_chinese = (
            2 in (display_width(character), display_width(before)) and character not in NO_BREAK_BEFORE + " "
        )
        if between_words or beside_chinese:
            pieces.append("")
        pieces[-1] += character
    return pieces
