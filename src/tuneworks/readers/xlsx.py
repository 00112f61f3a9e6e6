"""Excel workbooks: the first sheet, a row of column names and the rows below it."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from tuneworks.core.asking import Reader, Row
from tuneworks.core.errors import UnreadableFile
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.registry import missing_extra
from tuneworks.core.text import Text
from tuneworks.language.text_files import missing_file, unreadable
from tuneworks.readers._sheets import Grid, cell_error, merged_ranges, table

try:
    import openpyxl
except ModuleNotFoundError:  # which files it reads is asked before it is needed
    openpyxl = None

SUFFIXES = {".xlsx", ".xlsm"}
OFFICE_2003 = b"\xd0\xcf\x11\xe0"
MOST_BYTES = 2_000_000_000
MOST_ROWS = 1_048_576
AGAIN = Text(
    "Open it in a spreadsheet program and save it again as .xlsx, or as CSV UTF-8.",
    "请用电子表格软件打开并重新保存为 .xlsx，或另存为 CSV UTF-8。",
)


class Xlsx(Reader):
    """Reads the first sheet of a workbook; what was calculated is read, not the formula."""

    def accepts(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() in SUFFIXES

    def rows(self, path: Path, listener: Listener = silent) -> Iterator[Row]:
        grid, others = _read(path)
        more_en = f"; not read: {', '.join(others)}" if others else ""
        more_zh = f"；未读取：{'、'.join(others)}" if others else ""
        tell(
            listener,
            "format",
            Text(f"Read as Excel, sheet {grid.sheet!r}{more_en}", f"按 Excel 读取，工作表 {grid.sheet!r}{more_zh}"),
        )
        return table(grid, listener)


def _read(path: Path) -> tuple[Grid, list[str]]:
    """The cells of the first sheet and the names of the others; raises ``UnreadableFile`` where it is no workbook."""
    if openpyxl is None:
        raise missing_extra("openpyxl")
    _must_be_a_workbook(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that hold no values
            _must_fit(path)
            return _cells(path)
    except UnreadableFile:
        raise
    except Exception as error:  # a damaged workbook breaks in as many ways as it has parts
        said = str(error).strip().split("\n")[0][:200] or type(error).__name__
        problem = Text(f"the workbook is damaged ({said}).", f"工作簿已损坏（{said}）。")
        raise unreadable(path, problem, AGAIN) from None


def _cells(path: Path) -> tuple[Grid, list[str]]:
    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        if not book.worksheets:
            raise unreadable(path, Text("the workbook has no sheet of cells.", "工作簿中没有表格工作表。"), AGAIN)
        sheet, *others = book.worksheets
        sheet.reset_dimensions()
        rows: dict[int, dict[int, Any]] = {}
        wrong: list[str] = []
        for number, cells in enumerate(sheet.iter_rows(), start=1):
            _must_end(path, number)
            held = {cell.column: cell for cell in cells if cell.value is not None and cell.value != ""}
            wrong += [cell.coordinate for cell in held.values() if cell.data_type == "e"]
            values = {column: plain(cell.value) for column, cell in held.items() if cell.data_type != "e"}
            if values:
                rows[number] = values
        with zipfile.ZipFile(path) as archive:
            merged = tuple(merged_ranges(archive, sheet._worksheet_path))
        return Grid(path, sheet.title, rows, merged, tuple(wrong)), [other.title for other in others]
    finally:
        book.close()


def plain(value: Any) -> Any:
    """A cell's value: dates stay dates until the whole column is known, durations become seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value


def _must_be_a_workbook(path: Path) -> None:
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        raise missing_file(path) from None
    except OSError as error:
        problem = Text(f"the file cannot be opened: {error.strerror}.", f"无法打开文件：{error.strerror}。")
        raise unreadable(
            path, problem, Text("Check that you may read it: ls -l", "请检查您是否有读取权限：ls -l")
        ) from error
    if not head:
        raise unreadable(
            path,
            Text("the file is empty.", "文件是空的。"),
            Text("Give a workbook with rows in it.", "请提供含有数据行的工作簿。"),
        )
    if head == OFFICE_2003:
        problem = Text(
            "the workbook is protected by a password, or of the old .xls kind.",
            "工作簿有密码保护，或是旧版 .xls 格式。",
        )
        fix = Text(
            "Save it as .xlsx without a password (Excel: File, Info, Protect Workbook), or as CSV UTF-8.",
            "请另存为不带密码的 .xlsx（Excel：文件、信息、保护工作簿），或另存为 CSV UTF-8。",
        )
        raise unreadable(path, problem, fix)
    if not zipfile.is_zipfile(path):
        cut_off = head == b"PK\x03\x04"
        raise unreadable(
            path,
            Text("the workbook is cut off.", "工作簿被截断。")
            if cut_off
            else Text("this is no workbook.", "这不是工作簿。"),
            AGAIN,
        )


def _must_fit(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > MOST_BYTES:
        problem = Text(
            f"unpacked, the workbook has {size} bytes; at most {MOST_BYTES} are taken.",
            f"工作簿解压后有 {size} 字节，最多允许 {MOST_BYTES} 字节。",
        )
        raise unreadable(path, problem, Text("Export the rows as CSV UTF-8.", "请将数据导出为 CSV UTF-8。"))


def _must_end(path: Path, row: int) -> None:
    if row > MOST_ROWS:
        raise cell_error(path, "", "", Text(f"there are more than {MOST_ROWS} rows.", f"超过 {MOST_ROWS} 行。"), AGAIN)
