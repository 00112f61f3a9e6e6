"""A sheet of cells as a table: where its names stand, what merged cells mean, and errors that name the cell."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tuneworks.core.asking import Row
from tuneworks.core.events import Listener, tell
from tuneworks.core.text import Text
from tuneworks.language.text_files import unreadable

CHUNK, LONGEST_TAG = 1 << 20, 200
SHOWN = 5

_merged = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*\bref=\"([A-Z]+\d+:[A-Z]+\d+)\"")
_corner = re.compile(r"([A-Z]+)(\d+)")


@dataclass(frozen=True)
class Grid:
    """A sheet's filled cells: row number -> column number -> value, both from 1; merged ranges; cells in error."""

    path: Path
    sheet: str
    rows: Mapping[int, Mapping[int, Any]]
    merged: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def table(grid: Grid, listener: Listener) -> Iterator[Row]:
    """The rows below the row of names, a missing cell as ``None``; tells of what was set right."""
    header = _header(grid, listener)
    rows = _filled(grid, header, listener)
    names = _names(grid, header, rows, listener)
    if not rows:
        raise _sheet_error(
            grid,
            Text("there is a row of column names and no row below it.", "只有一行列名，下面没有数据行。"),
            Text("Add rows below the column names.", "请在列名下面添加数据行。"),
        )
    _tell_repairs(grid, header, rows, listener)
    dated = {column for column in names if _holds_dates(column, rows)}
    for cells in rows.values():
        yield {name: _written(cells.get(column), column in dated) for column, name in names.items()}


def merged_ranges(archive: zipfile.ZipFile, part: str) -> Iterator[str]:
    """The ranges that a sheet's part of the workbook merges, read piece by piece."""
    tail = b""
    with archive.open(part.lstrip("/")) as file:
        while chunk := file.read(CHUNK):
            piece = tail + chunk
            found = list(_merged.finditer(piece))
            yield from (match[1].decode() for match in found)
            tail = piece[max(found[-1].end() if found else 0, len(piece) - LONGEST_TAG) :]


def cell_error(path: Path, sheet: str, cell: str, problem: Text, fix: Text) -> Exception:
    """An error that begins with the file, the sheet and the cell."""
    place_en = f"sheet {sheet!r}, cell {cell}: " if cell else ""
    place_zh = f"工作表 {sheet!r} 单元格 {cell}：" if cell else ""
    return unreadable(path, Text(place_en + problem.en, place_zh + problem.zh), fix)


def cell_name(row: int, column: int) -> str:
    """A cell as spreadsheets call it.

    >>> cell_name(3, 1), cell_name(12, 28)
    ('A3', 'AB12')
    """
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"


def _header(grid: Grid, listener: Listener) -> int:
    """The row of names: the first with anything in it, below titles that stand alone above a wider row."""
    numbers = list(grid.rows)
    if not numbers:
        raise _sheet_error(
            grid,
            Text("the sheet is empty.", "工作表是空的。"),
            Text("Move the table to the first sheet.", "请将数据表移到第一个工作表。"),
        )
    place = 0
    while place + 1 < len(numbers) and len(grid.rows[numbers[place]]) == 1 < len(grid.rows[numbers[place + 1]]):
        place += 1
    if place:
        titles = ", ".join(str(next(iter(grid.rows[number].values())))[:40] for number in numbers[:place])
        tell(listener, "repair", Text(f"Read as a title, not as a row: {titles}.", f"已作为标题而非数据：{titles}。"))
    return numbers[place]


def _filled(grid: Grid, header: int, listener: Listener) -> dict[int, dict[int, Any]]:
    """The rows below the names, every cell of a merged range with the range's value."""
    rows = {number: dict(cells) for number, cells in grid.rows.items() if number > header}
    widest, spread = max(grid.rows[header]), 0
    for reference in grid.merged:
        (first_row, first), (last_row, last) = (_place(corner) for corner in reference.split(":"))
        value = rows.get(first_row, {}).get(first)
        if first_row <= header or value is None or last_row > max(rows):
            continue
        spread += 1
        for number in range(first_row, last_row + 1):
            rows.setdefault(number, {}).update(dict.fromkeys(range(first, min(last, widest) + 1), value))
    if spread:
        message = Text(
            f"Merged cells: {spread}; each cell was given the value.", f"合并单元格 {spread} 处，已将值填入每个单元格。"
        )
        tell(listener, "repair", message)
    return dict(sorted(rows.items()))


def _names(grid: Grid, header: int, rows: dict[int, dict[int, Any]], listener: Listener) -> dict[int, str]:
    """Column number -> name; a column of row numbers without a name is left out, another is an error."""
    names: dict[int, str] = {}
    for column, value in sorted(grid.rows[header].items()):
        name = str(value).strip()
        if name in names.values():
            raise cell_error(
                grid.path,
                grid.sheet,
                cell_name(header, column),
                Text(f"the column name {name!r} stands twice.", f"列名 {name!r} 重复出现。"),
                Text("Give every column a name of its own.", "请为每一列取不同的名称。"),
            )
        names[column] = name
    first = {column: number for number in reversed(rows) for column in rows[number] if column not in names}
    for column, number in sorted(first.items()):
        if [cells.get(column) for cells in rows.values()] not in (
            list(range(len(rows))),
            list(range(1, len(rows) + 1)),
        ):
            raise cell_error(
                grid.path,
                grid.sheet,
                cell_name(number, column),
                Text("a value stands in a column without a name.", "该单元格有值，但所在列没有列名。"),
                Text(
                    f"Write a name into {cell_name(header, column)}, or clear the column.",
                    f"请在 {cell_name(header, column)} 中写上列名，或清空该列。",
                ),
            )
        letters = cell_name(0, column)[:-1]
        message = Text(
            f"Column {letters} has no name and counts rows; left out.", f"{letters} 列没有列名且只是行号，已略去。"
        )
        tell(listener, "repair", message)
    return names


def _tell_repairs(grid: Grid, header: int, rows: Mapping[int, Any], listener: Listener) -> None:
    empty = max(rows) - header - len(rows)
    if empty:
        tell(listener, "repair", Text(f"Empty rows skipped: {empty}.", f"已跳过 {empty} 个空行。"))
    if grid.wrong:
        listed = _listed(grid.wrong)
        message = Text(
            f"Cells with an error such as #N/A were read as missing: {listed}.",
            f"含有 #N/A 等错误的单元格已视为缺失：{listed}。",
        )
        tell(listener, "repair", message)


def _listed(cells: Sequence[str]) -> str:
    return ", ".join(cells[:SHOWN]) + (f", ... ({len(cells)})" if len(cells) > SHOWN else "")


def _holds_dates(column: int, rows: Mapping[int, Mapping[int, Any]]) -> bool:
    """Whether no time of the column has an hour."""
    times = [cells[column] for cells in rows.values() if isinstance(cells.get(column), datetime)]
    return bool(times) and all(moment.time() == datetime.min.time() for moment in times)


def _written(value: Any, date_alone: bool) -> Any:
    if isinstance(value, datetime):
        return value.date().isoformat() if date_alone else value.isoformat(timespec="seconds")
    return value


def _place(corner: str) -> tuple[int, int]:
    match = _corner.fullmatch(corner)
    letters, row = (match[1], match[2]) if match else ("A", "1")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(row), column


def _sheet_error(grid: Grid, problem: Text, fix: Text) -> Exception:
    return unreadable(
        grid.path, Text(f"sheet {grid.sheet!r}: {problem.en}", f"工作表 {grid.sheet!r}：{problem.zh}"), fix
    )
