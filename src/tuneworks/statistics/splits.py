"""Which rows are trained on, tuned on and tested on: fixed by what a row says, never by where it stands.

``content`` and ``group(COLUMN)``: SHA-256 against fixed thresholds, the label ignored, so a row never changes sides
when others are added. ``time(COLUMN)``: the past trains, the latest tests. ``column(NAME)``: the user's own choice.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.text import Text
from tuneworks.core.types import Column, TaskSpec
from tuneworks.language.normalise import row_key

Row = Mapping[str, Any]

NAMES = ("train", "validation", "test")
TRAIN_END, VALIDATION_END = 0.8, 0.9
SPLIT_COLUMNS = ("split", "fold")
WORDS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}

_form = re.compile(r"(content)|(group|time|column)\((.+)\)")


def assign(rows: Sequence[Row], spec: TaskSpec) -> list[str]:
    """The split of each row as ``spec.split`` says (``content`` where it says nothing)."""
    kind, column = parse(spec.split or "content")
    if column is not None:
        _must_exist(column, rows)
    if kind == "time" and column:
        return _by_time(rows, column)
    if kind == "column" and column:
        return _by_column(rows, column, _inputs(spec, rows))
    inputs = [column] if column else _inputs(spec, rows)
    return [_side(row, inputs) for row in rows]


def sides_to_score(columns: Sequence[Column], rows: Sequence[Row], spec: TaskSpec) -> list[str]:
    """Of another dataset's rows those that nothing was learnt from: ``test``, the others nothing.

    By its own split column, else as ``spec.split`` says; none where it has too little of what it splits by.
    """
    kind, named = parse(spec.split or "content")
    for column in columns:
        said = _words_of(column, rows) if column.name.casefold() in SPLIT_COLUMNS or column.name == named else set()
        if "test" in said:
            return ["test" if WORDS.get(_said(row, column)) == "test" else "" for row in rows]
    if kind == "column":
        return [""] * len(rows)
    try:
        return ["test" if side == "test" else "" for side in assign(rows, spec)]
    except (InvalidConfig, UnsuitableData):
        return [""] * len(rows)


def own_column(columns: Sequence[Column], rows: Sequence[Row]) -> str | None:
    """``column(split)`` where a column of that name (or fold) says train or test throughout."""
    for column in columns:
        if column.name.casefold() in SPLIT_COLUMNS and "train" in _words_of(column, rows):
            return f"column({column.name})"
    return None


def parse(split: str) -> tuple[str, str | None]:
    """The kind of split and its column; raises ``InvalidConfig``.

    >>> parse("group(customer)"), parse("content")
    (('group', 'customer'), ('content', None))
    """
    match = _form.fullmatch(split.strip())
    if match is None:
        raise InvalidConfig(
            Text(f"{split!r} is no way to split rows.", f"{split!r} 不是有效的划分方式。"),
            Text(
                "Write content, group(COLUMN), time(COLUMN) or column(COLUMN).",
                "请写 content、group(列名)、time(列名) 或 column(列名)。",
            ),
        )
    return match[1] or match[2], match[3].strip() if match[3] else None


def position(row: Row, columns: Sequence[str]) -> float:
    """Where the content of a row falls between 0 and 1: the same for ever."""
    return int.from_bytes(row_key(row, columns)[:7], "big") / 2**56


def _words_of(column: Column, rows: Sequence[Row]) -> set[str]:
    """The splits that a column names; none where it says anything else."""
    said = {_said(row, column) for row in rows if row.get(column.name) not in (None, "")}
    return {WORDS[word] for word in said} if said <= WORDS.keys() else set()


def _said(row: Row, column: Column) -> str:
    return str(row.get(column.name)).strip().casefold()


def _side(row: Row, columns: Sequence[str]) -> str:
    place = position(row, columns)
    return "train" if place < TRAIN_END else "validation" if place < VALIDATION_END else "test"


def _inputs(spec: TaskSpec, rows: Sequence[Row]) -> list[str]:
    columns = list(spec.inputs.values())
    return columns or sorted({name for row in rows for name in row} - {spec.target})


def _by_column(rows: Sequence[Row], column: str, inputs: Sequence[str]) -> list[str]:
    """The user's values; rows without one go by content, and a split nobody named is carved from train by content."""
    said = [_word(row.get(column), column, number) for number, row in enumerate(rows, start=1)]
    if "train" not in said:
        raise UnsuitableData(
            Text(f"No row of the column {column!r} says train.", f"列 {column!r} 中没有任何一行是 train。"),
            Text("Mark the rows to learn from as train.", "请将用于训练的行标为 train。"),
        )
    unnamed = set(NAMES) - set(said)
    sides = []
    for row, word in zip(rows, said, strict=True):
        by_content = _side(row, inputs) if word is None or unnamed else ""
        sides.append(by_content if word is None or (word == "train" and by_content in unnamed) else word)
    return sides


def _word(value: Any, column: str, row: int) -> str | None:
    if value is None or not str(value).strip():
        return None
    word = WORDS.get(str(value).strip().casefold())
    if word is None:
        raise UnsuitableData(
            Text(
                f"Row {row}: the column {column!r} says {str(value)[:40]!r}, which is no split.",
                f"第 {row} 行：列 {column!r} 的值 {str(value)[:40]!r} 不是划分名称。",
            ),
            Text(f"Write one of: {', '.join(WORDS)}.", f"请使用：{'、'.join(WORDS)}。"),
        )
    return word


def _by_time(rows: Sequence[Row], column: str) -> list[str]:
    """The earliest 80 % train, the next 10 % validate, the latest 10 % test; equal times stay together."""
    missing = [number for number, row in enumerate(rows, start=1) if row.get(column) is None]
    counts = Counter(row[column] for row in rows if row.get(column) is not None)
    moments = sorted(counts)
    if missing or len(moments) < len(NAMES):
        raise _no_time_split(column, missing, len(moments))
    before = [0, *accumulate(counts[moment] for moment in moments)]
    first = min(max(bisect_left(before, TRAIN_END * len(rows)), 1), len(moments) - 2)
    second = min(max(bisect_left(before, VALIDATION_END * len(rows)), first + 1), len(moments) - 1)
    return [
        "train" if row[column] < moments[first] else "validation" if row[column] < moments[second] else "test"
        for row in rows
    ]


def _no_time_split(column: str, missing: Sequence[int], moments: int) -> UnsuitableData:
    if missing:
        return UnsuitableData(
            Text(
                f"{len(missing)} rows have no time in {column!r}, the first is row {missing[0]}.",
                f"列 {column!r} 中有 {len(missing)} 行没有时间，首个是第 {missing[0]} 行。",
            ),
            Text("Give them a time, or split by content.", "请补上时间，或改用 content 划分。"),
        )
    return UnsuitableData(
        Text(
            f"The column {column!r} holds {moments} different times; three are needed.",
            f"列 {column!r} 只有 {moments} 个不同的时间，至少需要三个。",
        ),
        Text("Split by content, or add rows of other times.", "请改用 content 划分，或添加其他时间的数据。"),
    )


def _must_exist(column: str, rows: Sequence[Row]) -> None:
    if rows and not any(column in row for row in rows):
        known = ", ".join(rows[0])
        raise InvalidConfig(
            Text(f"There is no column {column!r} to split by.", f"没有可用于划分的列 {column!r}。"),
            Text(f"The columns are: {known}.", f"现有列：{known}。"),
        )
