"""Where the quotes of a table go wrong: the place a quote opened, found again for the error."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tuneworks.core.text import Text
from tuneworks.language.text_files import place, unreadable


@dataclass(frozen=True)
class Sheet:
    """A file being read: its name, text and separator."""

    path: Path
    text: str
    separator: str


def broken_quote(sheet: Sheet, line: int) -> Exception:
    """The error for the record that begins on ``line``: where its quote opened, and where it went wrong."""
    text = sheet.text
    position = _start_of_line(text, line)
    while text[position : position + 1] == '"' or _next_field(sheet, position) is not None:
        if text[position] != '"':
            position = _next_field(sheet, position) or len(text)
            continue
        closing = _closing_quote(text, position)
        if closing is None:
            return _unclosed(sheet, position)
        following = text[closing + 1 : closing + 2]
        if following != sheet.separator:
            return _unclosed(sheet, position, closing)
        position = closing + 2
    return _unclosed(sheet, position)


def _next_field(sheet: Sheet, position: int) -> int | None:
    """Where the field after an unquoted one begins, unless its row ends first."""
    separator = sheet.text.find(sheet.separator, position)
    end = re.compile(r"[\r\n]|$").search(sheet.text, position)
    return separator + 1 if separator >= 0 and end and separator < end.start() else None


def _closing_quote(text: str, opened: int) -> int | None:
    position = opened + 1
    while (position := text.find('"', position)) >= 0:
        if text[position + 1 : position + 2] != '"':
            return position
        position += 2
    return None


def _unclosed(sheet: Sheet, opened: int, closing: int | None = None) -> Exception:
    line, column = place(sheet.text, opened)
    if closing is None:
        en, zh = "is never closed", "一直没有关闭"
    else:
        closing_line, closing_column = place(sheet.text, closing)
        en = f"closes on line {closing_line}, column {closing_column}, in the middle of a value"
        zh = f"在第 {closing_line} 行第 {closing_column} 列关闭，但关闭处位于值的中间"
    return unreadable(
        sheet.path,
        Text(f"the double quote opened here {en}.", f"此处打开的双引号{zh}。"),
        Text(
            'Close it, or write a quotation mark inside a quoted value twice: "He said ""yes"""',
            '请补上右引号；引号内的双引号要写两次："他说""好"""',
        ),
        line,
        column,
    )


def _start_of_line(text: str, line: int) -> int:
    return sum(len(piece) for piece in islice(io.StringIO(text, newline=""), line - 1))
