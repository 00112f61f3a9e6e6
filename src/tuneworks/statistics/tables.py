"""Rows of a table as a model's inputs: which columns are read, their values by kind, and windows of earlier rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.text import Text
from tuneworks.core.types import Column, TaskSpec
from tuneworks.statistics import values as value_of
from tuneworks.statistics.splits import SPLIT_COLUMNS, parse

Row = Mapping[str, Any]

SERIES = "series"
TABLE_KINDS = ("number", "category", "time")
READABLE = (*TABLE_KINDS, "text")
MOSTLY_DIFFERENT = 0.9
FEWEST_TO_JUDGE = 30
IDENTIFIERS = {"id", "index", "uuid", "guid", "row", "no", "rownumber", "row_number", "编号", "序号", "行号", "索引"}


@dataclass(frozen=True)
class Windows:
    """Settings of tasks on tables.

    ``window``: how many rows an example looks back on, itself included; each number is then the list of its values.
    ``group``: the column that says whose rows they are; ``order``: the column they are in order of.
    """

    window: int | None = None
    group: str | None = None
    order: str | None = None

    def __post_init__(self) -> None:
        check_values(self, {"window": Range(least=1)}, "spec.options.")


def table_inputs(columns: Sequence[Column], rows: Sequence[Row], exclude: Sequence[str | None]) -> dict[str, str]:
    """Every number, category and time, under its own name: without those excluded, splits and identifiers."""
    left_out = {*exclude, *(column.name for column in columns if column.name.casefold() in SPLIT_COLUMNS)}
    chosen = [
        c.name for c in columns if c.kind in TABLE_KINDS and c.name not in left_out and not is_identifier(c, rows)
    ]
    if not chosen:
        listing = ", ".join(f"{column.name} ({column.kind})" for column in columns)
        raise InvalidConfig(
            Text(f"No column is left to answer from: {listing}.", f"没有可用作输入的列：{listing}。"),
            Text("Name the inputs: --set spec.inputs.COLUMN=COLUMN", "请指定输入列：--set spec.inputs.列名=列名"),
        )
    return {name: name for name in chosen}


def is_identifier(column: Column, rows: Sequence[Row]) -> bool:
    """Whether a column only tells rows apart: labels nearly all different, or whole numbers that count the rows."""
    present = [row[column.name] for row in rows if row.get(column.name) is not None]
    if len(present) < FEWEST_TO_JUDGE or column.kind not in ("category", "number"):
        return False
    different = len(set(present))
    if column.kind == "category":
        return different >= MOSTLY_DIFFERENT * len(present)
    if different < len(present) or not all(float(value).is_integer() for value in present):
        return False
    name = column.name.strip().casefold()
    return name in IDENTIFIERS or name.endswith("_id") or max(present) - min(present) == len(present) - 1


def read_cells(rows: Sequence[Row], column: str, kind: str) -> list[Any]:
    """A column's values as bases read them: number or list of numbers, label, ISO time, text; ``None`` where missing.

    A text is never missing, but may be empty.
    """
    read = CELLS[kind]
    return [read(row.get(column)) for row in rows]


def _number(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_number(one) for one in value]
    return None if value_of.is_missing_number(value) else value_of.number(value)


def _label(value: Any) -> str | None:
    return None if value_of.is_missing(value) else value_of.label(value)


CELLS: Mapping[str, Callable[[Any], Any]] = {
    "number": _number,
    "series": _number,
    "category": _label,
    "time": value_of.time,
    "text": lambda value: str(value or ""),
    "image": lambda value: value or None,
}


# -- windows --------------------------------------------------------------------------------------


def window_split(spec: TaskSpec) -> str | None:
    """How examples with windows are split where the user says nothing: whole groups, else by time."""
    options = Windows(**windows_of(spec))
    if spec.split or options.window is None:
        return spec.split
    return f"group({options.group})" if options.group else f"time({options.order})" if options.order else None


def kinds_in_windows(spec: TaskSpec, kinds: Mapping[str, str]) -> dict[str, str]:
    """What input columns are read as: with a window every number is a series."""
    looks_back = spec.options.get("window") is not None
    return {column: SERIES if looks_back and kind == "number" else kind for column, kind in kinds.items()}


def check_windows(spec: TaskSpec, columns: Sequence[Column]) -> None:
    """Raise ``InvalidConfig`` where the columns named for group and order are not there."""
    names = [column.name for column in columns]
    for key in ("group", "order"):
        named = spec.options.get(key)
        if named is not None and named not in names:
            raise InvalidConfig(
                Text(
                    f"spec.options.{key} names no column: {named!r}. The columns are: {', '.join(names)}.",
                    f"spec.options.{key} 指定的列 {named!r} 不存在。现有列：{'、'.join(names)}。",
                ),
                Text("Name one of the columns.", "请指定其中一列。"),
            )


def windows(spec: TaskSpec, rows: Sequence[Row], splits: Sequence[str]) -> Iterator[tuple[Row, str]]:
    """One example row for each row, its split that row's: every number input is the list of its last values."""
    options = Windows(**windows_of(spec))
    if options.window is None:
        yield from zip(rows, splits, strict=True)
        return
    _must_keep_windows_apart(spec)
    numbers = [column for column in spec.inputs.values() if spec.kinds.get(column) == SERIES]
    for members in _series(rows, options):
        for at, i in enumerate(members):
            steps = members[max(0, at + 1 - options.window) : at + 1]
            yield {**rows[i], **{column: [rows[j].get(column) for j in steps] for column in numbers}}, splits[i]


def unwound(spec: TaskSpec, row: Row, truth: Any) -> list[Row]:
    """The rows a window was made of, oldest first; the last alone has the truth."""
    options = Windows(**windows_of(spec))
    if options.window is None:
        return [{**row, spec.target or "": truth}]
    numbers = {column: value for column, value in row.items() if isinstance(value, (list, tuple))}
    length = max((len(value) for value in numbers.values()), default=1)
    made: list[Row] = []
    for step in range(length):
        back = length - step
        then = {column: value[-back] if back <= len(value) else None for column, value in numbers.items()}
        order = {options.order: step} if options.order and options.order not in row else {}
        made.append({**row, **then, **order, spec.target or "": truth if back == 1 else None})
    return made


def windows_of(spec: TaskSpec) -> dict[str, Any]:
    """The options that say how examples look back."""
    return {name: spec.options[name] for name in ("window", "group", "order") if spec.options.get(name) is not None}


def _series(rows: Sequence[Row], options: Windows) -> list[list[int]]:
    """The numbers of the rows of each group, in order."""
    groups: dict[Any, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row.get(options.group) if options.group else None, []).append(number)
    if options.order is None:
        return list(groups.values())
    order = options.order
    unordered = next((number for number, row in enumerate(rows) if row.get(order) is None), None)
    if unordered is not None:
        raise UnsuitableData(
            Text(
                f"Row {unordered + 1} has no value in the column {order!r}, which says the order of rows.",
                f"第 {unordered + 1} 行在表示顺序的列 {order!r} 中没有值。",
            ),
            Text("Give it one, or remove the row.", "请补上该值或删除该行。"),
        )
    return [sorted(members, key=lambda number: rows[number][order]) for members in groups.values()]


def _must_keep_windows_apart(spec: TaskSpec) -> None:
    if parse(spec.split or "content")[0] == "content":
        raise InvalidConfig(
            Text(
                "Rows that look back on each other cannot be split by content: held-out rows would lie in training "
                "windows.",
                "互相回看的行不能按内容划分：留出的行会出现在训练窗口中。",
            ),
            Text(
                "Name the column that says whose rows they are: --set spec.options.group=COLUMN, or the one of their "
                "order: --set spec.options.order=COLUMN",
                "请指定行所属对象的列：--set spec.options.group=列名，或其顺序列：--set spec.options.order=列名",
            ),
        )
