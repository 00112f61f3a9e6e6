"""Tables as text: CSV, TSV and single columns, the separator found from the content."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tuneworks.core.asking import Reader, Row
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text, plain
from tuneworks.language.encodings import first_text
from tuneworks.language.text_files import LONGEST_FIELD, format_text, read_text, refuse_nul, unreadable
from tuneworks.readers._quotes import Sheet, broken_quote

SUFFIXES = {".csv", ".tsv", ".tab", ".txt", ""}
SEPARATORS = (",", "\t", ";", "|")
ONE_COLUMN = "\x1f"
SEPARATOR_TEXTS = {"\t": Text("tab", "制表符"), ONE_COLUMN: Text("nothing (one column)", "无（仅一列）")}
SAMPLE_CHARACTERS, SAMPLE_ROWS = 200_000, 50


@dataclass(frozen=True)
class Record:
    """The cells of one row and the line it begins on."""

    line: int
    cells: list[str]


class Csv(Reader):
    """Reads comma, tab, semicolon or bar separated rows below a line of column names."""

    def accepts(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() in SUFFIXES and not first_text(head).lstrip().startswith(("{", "["))

    def rows(self, path: Path, listener: Listener = silent) -> Iterator[Row]:
        decoded = read_text(path)
        refuse_nul(path, decoded.text)
        sheet = Sheet(path, decoded.text, find_separator(decoded.text, path.suffix.lower()))
        tell(
            listener,
            "format",
            format_text(decoded, SEPARATOR_TEXTS.get(sheet.separator, plain(f"{sheet.separator!r}"))),
        )
        if "\r" in sheet.text and "\n" not in sheet.text:
            tell(listener, "repair", Text("Lines end in a bare CR; read as lines.", "行尾只有 CR，已按行读取。"))
        header, records = _table(sheet, listener)
        names, keep = _names(sheet, header, records, listener)
        _refuse_long(sheet, header, records)
        for record in records:
            yield dict(zip(names, [record.cells[i] for i in keep], strict=True))


def find_separator(text: str, suffix: str) -> str:
    """The separator under which most of the first rows are as wide as the header, if the header has any."""
    sample = text if len(text) <= SAMPLE_CHARACTERS else text[: text.rfind("\n", 0, SAMPLE_CHARACTERS) + 1] or text
    usual = "\t" if suffix in (".tsv", ".tab") else ","
    candidates = []
    for separator in SEPARATORS:
        widths = _widths(sample, separator)
        if widths and widths[0] > 1:
            share = sum(width == widths[0] for width in widths) / len(widths)
            candidates.append((share, separator == usual, widths[0], separator))
    if candidates:
        return max(candidates)[-1]
    evenly = [s for s in SEPARATORS if len(set(_widths(sample, s)[1:])) == 1 and _widths(sample, s)[1] > 1]
    return evenly[0] if evenly else ONE_COLUMN


def _widths(sample: str, separator: str) -> list[int]:
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
    try:
        return [len(cells) for cells in islice(filter(None, rows), SAMPLE_ROWS)]
    except csv.Error:
        return []


# -- records -----------------------------------------------------------------------------------------


def _table(sheet: Sheet, listener: Listener) -> tuple[list[str], list[Record]]:
    """Header and records, all of one width; quotes in a tab separated file may be ordinary characters."""
    records = _records(sheet, quoting=csv.QUOTE_MINIMAL)
    if sheet.separator == "\t" and '"' in sheet.text and (isinstance(records, int) or _uneven(records)):
        literal = _records(sheet, quoting=csv.QUOTE_NONE)
        if not isinstance(literal, int) and not _uneven(literal):
            message = Text("Quotation marks were read as ordinary characters.", "双引号已按普通字符读取。")
            tell(listener, "repair", message)
            records = literal
    if isinstance(records, int):
        raise broken_quote(sheet, records)
    return _even(sheet, records, listener)


def _records(sheet: Sheet, quoting: int) -> list[Record] | int:
    """All records, blank lines among them, or the line of the record whose quotes do not match."""
    csv.field_size_limit(max(csv.field_size_limit(), len(sheet.text)))
    lines = io.StringIO(sheet.text, newline="")
    rows = csv.reader(lines, delimiter=sheet.separator, strict=True, quoting=quoting)  # type: ignore[arg-type]
    records, line = [], 1
    try:
        for cells in rows:
            records.append(Record(line, cells))
            line = rows.line_num + 1
    except csv.Error:
        return line
    return records


def _uneven(records: list[Record]) -> bool:
    return len({len(record.cells) for record in records if record.cells}) > 1


def _even(sheet: Sheet, records: list[Record], listener: Listener) -> tuple[list[str], list[Record]]:
    full = [record for record in records if any(cell.strip() for cell in record.cells)]
    header, body = full[0].cells, full[1:]
    for record in body:
        if len(record.cells) != len(header):
            raise _ragged(sheet, header, record)
    if not body:
        raise unreadable(
            sheet.path,
            Text(
                f"there is a line of column names ({_shown(header)}) and no row below it.",
                f"只有一行列名（{_shown(header)}），下面没有数据行。",
            ),
            Text("Add rows below the column names.", "请在列名下面添加数据行。"),
        )
    if len(full) < len(records):
        skipped = len(records) - len(full)
        tell(listener, "repair", Text(f"Empty lines skipped: {skipped}.", f"已跳过 {skipped} 个空行。"))
    return header, body


def _ragged(sheet: Sheet, header: list[str], record: Record) -> Exception:
    expected, found = len(header), len(record.cells)
    more_en, more_zh = _ragged_reason(sheet, expected, record)
    return unreadable(
        sheet.path,
        Text(
            f"expected {expected} columns ({_shown(header)}), found {found}.{more_en}",
            f"应有 {expected} 列（{_shown(header)}），实际有 {found} 列。{more_zh}",
        ),
        Text(
            "Put a text that holds the separator into double quotes, and give every row a value"
            " (or an empty one) for each column.",
            "含有分隔符的文本请用双引号括起来；每一行的每一列都要有值（可以为空）。",
        ),
        record.line,
        min(expected, found) + 1 if expected < found else None,
    )


def _ragged_reason(sheet: Sheet, expected: int, record: Record) -> tuple[str, str]:
    lines = sum(cell.count("\n") or cell.count("\r") for cell in record.cells)
    if lines:
        last = record.line + lines
        return (
            f" A double quote opened in this row closes only on line {last}.",
            f"这一行打开的双引号直到第 {last} 行才关闭。",
        )
    row = sheet.separator.join(record.cells)
    other = next((s for s in SEPARATORS if s != sheet.separator and row.count(s) + 1 == expected), None)
    if other:
        return f" This row is separated by {other!r}, the header by {sheet.separator!r}.", (
            f"这一行以 {other!r} 分隔，而列名行以 {sheet.separator!r} 分隔。"
        )
    return "", ""


def _refuse_long(sheet: Sheet, header: list[str], records: list[Record]) -> None:
    if len(sheet.text) <= LONGEST_FIELD:
        return
    for record in records:
        for column, cell in enumerate(record.cells):
            if len(cell) > LONGEST_FIELD:
                name = header[column].strip()
                raise unreadable(
                    sheet.path,
                    Text(
                        f"the value of {name!r} has {len(cell)} characters; at most {LONGEST_FIELD} are taken.",
                        f"{name!r} 的值有 {len(cell)} 个字符，最多允许 {LONGEST_FIELD} 个。",
                    ),
                    Text(
                        "Check for a missing closing quote, or split the text into several rows.",
                        "请检查是否缺少右引号，或将文本拆成多行。",
                    ),
                    record.line,
                    column + 1,
                )


# -- the line of column names ------------------------------------------------------------------------


def _names(sheet: Sheet, header: list[str], records: list[Record], listener: Listener) -> tuple[list[str], list[int]]:
    """Column names and the positions kept: nameless columns that hold nothing, or row numbers, are left out."""
    names = [name.strip() for name in header]
    _refuse_repeated(sheet, names)
    keep = [i for i, name in enumerate(names) if name]
    for i in sorted(set(range(len(names))) - set(keep)):
        if any(record.cells[i].strip() for record in records) and not (i == 0 and _counts(records)):
            raise _nameless(sheet, i + 1)
        message = Text(
            f"Column {i + 1} has no name and holds nothing (or row numbers): left out.",
            f"第 {i + 1} 列没有列名，且为空或只是行号，已略去。",
        )
        tell(listener, "repair", message)
    return [names[i] for i in keep], keep


def _counts(records: list[Record]) -> bool:
    first = records[0].cells[0].strip()
    return first in ("0", "1") and all(
        record.cells[0].strip() == str(number) for number, record in enumerate(records, start=int(first))
    )


def _refuse_repeated(sheet: Sheet, names: list[str]) -> None:
    for column, name in enumerate(names):
        if name and name in names[:column]:
            first = names.index(name) + 1
            raise unreadable(
                sheet.path,
                Text(
                    f"the column name {name!r} stands twice, in columns {first} and {column + 1}.",
                    f"列名 {name!r} 重复出现在第 {first} 列和第 {column + 1} 列。",
                ),
                Text("Give every column a name of its own.", "请为每一列取不同的名称。"),
                1,
                column + 1,
            )


def _nameless(sheet: Sheet, column: int) -> Exception:
    return unreadable(
        sheet.path,
        Text(f"column {column} holds values but has no name.", f"第 {column} 列有数据但没有列名。"),
        Text("Write the column names into the first line, one for each column.", "请在第一行为每一列写上列名。"),
        1,
        column,
    )


def _shown(header: list[str]) -> str:
    return ", ".join(name.strip()[:40] for name in header[:8]) + (", …" if len(header) > 8 else "")
