"""What a caller sent, checked against what the model reads: every row has its columns, each of the right kind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

from tuneworks.core.asking import Row, Task
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.shapes.values import whole_text
from tuneworks.statistics.splits import parse

WANTED = {
    "text": Text('a text, such as "my parcel is late"', "文本，例如 “我的包裹没到”"),
    "category": Text('a label or a number, such as "retail" or 2', "标签或数字，例如 “零售” 或 2"),
    "number": Text("a number, such as 3.5, or a list of them", "数字，例如 3.5，或数字列表"),
    "time": Text('a date or time, such as "2024-03-05T08:30:00"', "日期或时间，例如 “2024-03-05T08:30:00”"),
    "messages": Text('a list of {"role": ..., "content": ...}', '由 {"role": ..., "content": ...} 组成的列表'),
}
TEXT = '"..."'
EXAMPLES = {"number": "1.5", "messages": '[{"role": "user", "content": "..."}]'}
MAY_BE_MISSING = ("category", "number", "time")


def check_rows(task: Task, spec: TaskSpec, rows: Sequence[Any]) -> list[Row]:
    """The rows with the model's input columns alone; raises ``InvalidInput`` naming row (from 1) and column."""
    wanted = {column: spec.kinds.get(column, "text") for column in spec.inputs.values()}
    optional = {column for role, column in spec.inputs.items() if role not in task.roles}
    return [_checked(row, number, wanted, optional) for number, row in enumerate(rows, start=1)]


def kept(spec: TaskSpec, row: Row) -> dict[str, Any]:
    """What is logged of a row: the input columns, and the column its split is decided by."""
    columns = [*spec.inputs.values(), *_split_column(spec)]
    return {column: row[column] for column in columns if column in row and _plain(row[column])}


def _checked(row: Any, number: int, wanted: Mapping[str, str], optional: Set[str]) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise InvalidInput(
            Text(
                f"Row {number} is {_name(row)}, not an object of columns.",
                f"第 {number} 行是{_name(row)}，而不是由列组成的对象。",
            ),
            _example(wanted),
        )
    made: dict[str, Any] = {}
    for column, form in wanted.items():
        value = row.get(column)
        if value is None and column in optional and form in MAY_BE_MISSING and column in row:
            made[column] = None
        elif value is None:
            raise _missing(row, number, column, wanted)
        else:
            made[column] = _value(value, number, column, form, wanted)
    return made


def _value(value: Any, number: int, column: str, form: str, wanted: Mapping[str, str]) -> Any:
    if not _fits(value, form):
        raise InvalidInput(
            Text(
                f"Row {number}, column {column!r}: expected {WANTED[form].en}, got {_name(value)} {_shown(value)}.",
                f"第 {number} 行 {column!r} 列：应为{WANTED[form].zh}，实为 {_name(value)} {_shown(value)}。",
            ),
            _example(wanted),
        )
    if isinstance(value, str):
        whole_text(value, Text(f"Row {number}, column {column!r}", f"第 {number} 行 {column!r} 列"))
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
    columns = ", ".join(f'"{column}": {EXAMPLES.get(form, TEXT)}' for column, form in wanted.items())
    return Text(f"Send every row as {{{columns}}}; an empty text is allowed.", f"每行应为 {{{columns}}}；允许空文本。")


def _fits(value: Any, form: str) -> bool:
    if form == "number":
        return _is_number(value) or (isinstance(value, (list, tuple)) and all(map(_is_number, value)))
    if form == "messages":
        return isinstance(value, (list, tuple)) and all(isinstance(message, Mapping) for message in value)
    return isinstance(value, str) or (form == "category" and isinstance(value, (int, float)))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _split_column(spec: TaskSpec) -> list[str]:
    _, column = parse(spec.split or "content")
    return [column] if column else []


def _plain(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    if isinstance(value, Mapping):
        return all(map(_plain, value.values()))
    return value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value))


def _name(value: Any) -> str:
    return {"dict": "object", "list": "array", "NoneType": "null"}.get(type(value).__name__, type(value).__name__)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
