"""What a caller sent, checked against what the model reads: every row has its columns, each of the right kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from tuneworks.core.asking import Row, Task
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text, plain
from tuneworks.core.types import Picture, TaskSpec
from tuneworks.statistics import values as value_of
from tuneworks.statistics.shapes.values import whole_text
from tuneworks.statistics.splits import parse
from tuneworks.statistics.values import is_missing, is_missing_number

WANTED = {
    "text": Text('a text, such as "my parcel is late"', "文本，例如 “我的包裹没到”"),
    "category": Text('a label or a number, such as "retail" or 2', "标签或数字，例如 “零售” 或 2"),
    "number": Text("a number, such as 3.5", "数字，例如 3.5"),
    "series": Text("a list of numbers, oldest first", "数字列表，最早的在前"),
    "time": Text('a date or time, such as "2024-03-05T08:30:00"', "日期或时间，例如 “2024-03-05T08:30:00”"),
    "messages": Text('a list of {"role": ..., "content": ...}', '由 {"role": ..., "content": ...} 组成的列表'),
    "image": Text("an image", "图像"),
}
TEXT = '"..."'
EXAMPLES = {
    "number": "1.5",
    "series": "[1.5, 1.7]",
    "image": '"data:image/png;base64,..."',
    "messages": '[{"role": "user", "content": "..."}]',
}
MAY_BE_MISSING = ("category", "number", "time")
READ: Mapping[str, Callable[[Any], Any]] = {
    "category": value_of.label,
    "number": lambda value: value if (found := value_of.number(value)) is None else found,
    "time": lambda value: value_of.time(value) or value,
}


def check_rows(task: Task, spec: TaskSpec, rows: Sequence[Any]) -> list[Row]:
    """The rows with the model's input columns alone; raises ``InvalidInput`` naming row (from 1) and column."""
    wanted = {column: spec.kinds.get(column, "text") for column in spec.inputs.values()}
    optional = {column for role, column in spec.inputs.items() if role not in task.roles}
    return [_checked(row, number, wanted, optional) for number, row in enumerate(rows, start=1)]


def kept(spec: TaskSpec, row: Row) -> dict[str, Any]:
    """What is logged of a row: the input columns as they are read, and the column its split is decided by."""
    columns = [*spec.inputs.values(), *_split_column(spec)]
    return {
        column: _read(row[column], spec.kinds.get(column, ""))
        for column in columns
        if column in row and _plain(row[column])
    }


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
        value = _read(row.get(column), form)
        if value is None and column in optional and form in MAY_BE_MISSING and column in row:
            made[column] = None
        elif value is None:
            raise _missing(row, number, column, wanted)
        else:
            _must_fit(_known(value) if column in optional else value, number, column, form, wanted)
            made[column] = value
    return made


def _known(value: Any) -> Any:
    """A series without its gaps."""
    return [one for one in value if one is not None] if isinstance(value, (list, tuple)) else value


def _read(value: Any, form: str) -> Any:
    """What a file writes as text (a number, a label, a time, nothing) as the value it is; what is none stays."""
    missing = is_missing if form == "category" else is_missing_number
    if form in READ and isinstance(value, (str, int, float)):
        return None if missing(value) else READ[form](value)
    return value


def _must_fit(value: Any, number: int, column: str, form: str, wanted: Mapping[str, str]) -> None:
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
    empty = Text("; an empty text is allowed", "；允许空文本") if "text" in wanted.values() else plain("")
    return Text(f"Send every row as {{{columns}}}{empty.en}.", f"每行应为 {{{columns}}}{empty.zh}。")


def _fits(value: Any, form: str) -> bool:
    return FITS.get(form, _is_text)(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and value_of.time(value) is not None


def _is_list_of_numbers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_number, value))


def _is_list_of_messages(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(message, Mapping) for message in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


FITS: Mapping[str, Callable[[Any], bool]] = {
    "number": _is_number,
    "series": _is_list_of_numbers,
    "time": _is_time,
    "image": lambda value: isinstance(value, Picture),
    "messages": _is_list_of_messages,
}
"""By the kind a column is read as: whether a value that was sent can be read."""


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
