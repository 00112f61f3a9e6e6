"""Workbooks: the first sheet as a table, oddities set right and said, errors with sheet and cell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tuneworks.core.errors import UnreadableFile
from tuneworks.core.types import Event
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.rows import read_rows
from tuneworks.readers.xlsx import Xlsx


def written(folder: Path, *rows: Sequence[Any], merge: Sequence[str] = (), others: Sequence[str] = ()) -> Path:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "数据"
    for cells in rows:
        sheet.append(cells)
    for reference in merge:
        sheet.merge_cells(reference)
    for name in others:
        book.create_sheet(name)
    path = folder / "data.xlsx"
    book.save(path)
    return path


def read(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    heard: list[Event] = []
    rows = [dict(row) for row in Xlsx().rows(path, heard.append)]
    return rows, [event.message.en for event in heard]


def refused(path: Path) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as caught:
        read(path)
    assert "data.xlsx" in caught.value.problem.en
    assert "data.xlsx" in caught.value.problem.zh
    return caught.value


def test_cells_keep_their_types(tmp_path: Path) -> None:
    day, hour = date(2024, 3, 5), datetime(2024, 3, 5, 8)
    rows, said = read(written(tmp_path, ["text", "n", "day", "at", "yes"], ["房间", 1.5, day, hour, True]))
    assert rows == [{"text": "房间", "n": 1.5, "day": "2024-03-05", "at": "2024-03-05T08:00:00", "yes": True}]
    assert said == ["Read as Excel, sheet '数据'"]


def test_midnight_is_a_time_where_the_column_has_hours(tmp_path: Path) -> None:
    rows, _ = read(written(tmp_path, ["at"], [datetime(2024, 3, 5)], [datetime(2024, 3, 5, 1)]))
    assert [row["at"] for row in rows] == ["2024-03-05T00:00:00", "2024-03-05T01:00:00"]


def test_numbers_written_as_text_become_numbers(tmp_path: Path) -> None:
    rows = [[f"message {number}", f"{number}.5"] for number in range(8)]
    with Workspace.open(tmp_path / ".tuneworks") as workspace:
        dataset = add(written(tmp_path, ["text", "price"], *rows), workspace=workspace)
        assert [column.kind for column in dataset.columns] == ["text", "number"]
        assert read_rows(workspace, dataset)[3]["price"] == 3.5


def test_only_the_first_sheet_is_read_and_it_is_said(tmp_path: Path) -> None:
    _, said = read(written(tmp_path, ["a"], [1], others=["2023", "notes"]))
    assert said == ["Read as Excel, sheet '数据'; not read: 2023, notes"]


def test_titles_empty_rows_and_merged_cells_are_set_right_and_said(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ["Sales of March"],
        [],
        ["region", "sold"],
        ["north", 1],
        [None, 2],
        [],
        ["south", 3],
        merge=["A1:B1", "A4:A5"],
    )
    rows, said = read(path)
    assert rows == [{"region": "north", "sold": 1}, {"region": "north", "sold": 2}, {"region": "south", "sold": 3}]
    assert said[1:] == [
        "Read as a title, not as a row: Sales of March.",
        "Merged cells: 1; each cell was given the value.",
        "Empty rows skipped: 1.",
    ]


def test_a_column_that_counts_rows_is_left_out_and_said(tmp_path: Path) -> None:
    rows, said = read(written(tmp_path, [None, "a", "b"], [0, "x", 1], [1, "y", 2]))
    assert rows == [{"a": "x", "b": 1}, {"a": "y", "b": 2}]
    assert said[1] == "Column A has no name and counts rows; left out."


def test_a_value_without_a_column_name_is_an_error_with_its_cell(tmp_path: Path) -> None:
    error = refused(written(tmp_path, ["a", "b"], ["x", 1], ["y", 2, "stray"]))
    assert "sheet '数据', cell C3" in error.problem.en
    assert "单元格 C3" in error.problem.zh
    assert "C1" in error.fix.en


def test_a_name_that_stands_twice_is_an_error_with_its_cell(tmp_path: Path) -> None:
    assert (
        "cell C1: the column name 'a' stands twice" in refused(written(tmp_path, ["a", "b", "a"], [1, 2, 3])).problem.en
    )


def test_error_values_are_missing_and_named(tmp_path: Path) -> None:
    rows, said = read(written(tmp_path, ["a", "b"], ["x", "#N/A"], ["y", 2], ["z", "#DIV/0!"]))
    assert [row["b"] for row in rows] == [None, 2, None]
    assert said[1] == "Cells with an error such as #N/A were read as missing: B2, B4."


def test_empty_sheets_and_tables_without_rows_are_refused(tmp_path: Path) -> None:
    assert "the sheet is empty" in refused(written(tmp_path)).problem.en
    assert "no row below it" in refused(written(tmp_path, ["text", "label"])).problem.en


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "protected by a password"),
        (b"text,label\na,b\n", "this is no workbook"),
    ],
)
def test_what_is_no_workbook_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "data.xlsx"
    path.write_bytes(data)
    assert said in refused(path).problem.en


def test_a_workbook_cut_off_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ["text"], ["a"])
    path.write_bytes(path.read_bytes()[:-40])
    assert "cut off" in refused(path).problem.en
