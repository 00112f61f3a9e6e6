"""What a caller sent, checked against what the model reads: every row has its columns, each of the right kind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tuneworks.core.contracts import Row, Task
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.splits import parse

NUMBER_KINDS = ("number",)
TEXT = '"..."'
WANTED = {
    "text": Text('a text, such as "my parcel is late"', "文本，例如 “我的包裹没到”"),
    "number": Text("a number, such as 3.5", "数字，例如 3.5"),
}


def check_rows(task: Task, spec: TaskSpec, rows: Sequence[Any]) -> list[Row]:
    """The rows with the model's input columns alone; raises ``InvalidInput`` naming row (from 1) and column."""
    wanted = {column: _form(task.roles[role]) for role, column in spec.inputs.items()}
    return [_checked(row, number, wanted) for number, row in enumerate(rows, start=1)]


def kept(spec: TaskSpec, row: Row) -> dict[str, Any]:
    """What is logged of a row: the input columns, and the column its split is decided by."""
    columns = [*spec.inputs.values(), *_split_column(spec)]
    return {column: row[column] for column in columns if column in row and _plain(row[column])}


def check_text(value: str, what: Text) -> str:
    """The text, unless it holds half of a surrogate pair, which no UTF-8 file or database can keep."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            Text(
                f"{what.en} is not valid Unicode: half a character at position {error.start}.",
                f"{what.zh}不是有效的 Unicode：第 {error.start} 个位置只有半个字符。",
            ),
            Text("Send the text as UTF-8, emoji whole.", "请以 UTF-8 发送文本，表情符号须完整。"),
        ) from error
    return value


def _checked(row: Any, number: int, wanted: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise InvalidInput(
            Text(
                f"Row {number} is {_name(row)}, not an object of columns.",
                f"第 {number} 行是{_name(row)}，而不是由列组成的对象。",
            ),
            _example(wanted),
        )
    return {column: _value(row, number, column, form, wanted) for column, form in wanted.items()}


def _value(row: Row, number: int, column: str, form: str, wanted: Mapping[str, str]) -> Any:
    value = row.get(column)
    if value is None:
        raise _missing(row, number, column, wanted)
    if not _fits(value, form):
        raise InvalidInput(
            Text(
                f"Row {number}, column {column!r}: expected {WANTED[form].en}, got {_name(value)} {_shown(value)}.",
                f"第 {number} 行 {column!r} 列：应为{WANTED[form].zh}，实为 {_name(value)} {_shown(value)}。",
            ),
            _example(wanted),
        )
    if isinstance(value, str):
        check_text(value, Text(f"Row {number}, column {column!r}", f"第 {number} 行 {column!r} 列"))
    return value


def _missing(row: Row, number: int, column: str, wanted: Mapping[str, str]) -> InvalidInput:
    given = ", ".join(repr(str(name)) for name in list(row)[:8]) or "-"
    return InvalidInput(
        Text(
            f"Row {number} has no value in the column {column!r}; its columns are: {given}.",
            f"第 {number} 行的 {column!r} 列没有值；该行的列有：{given}。",
        ),
        _example(wanted),
    )


def _example(wanted: Mapping[str, str]) -> Text:
    columns = ", ".join(f'"{column}": {"1.5" if form == "number" else TEXT}' for column, form in wanted.items())
    return Text(f"Send every row as {{{columns}}}; an empty text is allowed.", f"每行应为 {{{columns}}}；允许空文本。")


def _form(kinds: Sequence[str]) -> str:
    return "number" if set(kinds) <= set(NUMBER_KINDS) else "text"


def _fits(value: Any, form: str) -> bool:
    if form == "text":
        return isinstance(value, str)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _split_column(spec: TaskSpec) -> list[str]:
    _, column = parse(spec.split or "content")
    return [column] if column else []


def _plain(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    return value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value))


def _name(value: Any) -> str:
    return {"dict": "object", "list": "array", "NoneType": "null"}.get(type(value).__name__, type(value).__name__)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
