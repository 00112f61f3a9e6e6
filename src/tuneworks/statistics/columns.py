"""What the columns of raw rows hold, and their values in canonical form.

Canonical: text and category str, labels a list of different str in alphabetical order, number int or float, time ISO
8601 text, image str, spans a list of {"start", "end", "label"}, messages a list of objects; nothing is ``None``.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneworks.core.errors import InvalidConfig, InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import COLUMN_KINDS, Column
from tuneworks.statistics import values as value_of
from tuneworks.statistics.label_lists import labels_of, separators_of
from tuneworks.statistics.values import has_comma_decimals, is_missing, is_missing_number

Row = Mapping[str, Any]

LABEL_NAMES = {"label", "class", "category", "target", "intent", "topic", "sentiment", "tag", "split", "fold"} | {
    "标签",
    "类别",
    "分类",
    "意图",
    "情感",
}
TEXT_NAMES = {"text", "sentence", "content", "review", "comment", "question", "query", "utterance"} | {
    "文本",
    "内容",
    "正文",
    "评论",
    "句子",
    "问题",
    "描述",
}
MOST_WHOLE_NUMBER_LABELS = 20
LONGEST_LABEL, LONGEST_IDENTIFIER = 60, 40

_whole_number = re.compile(r"([+-]?\d+)(?:\.0+)?")
_identifier = re.compile(r"(?=.*\d)[A-Za-z0-9_./:#-]+")


def typed(
    rows: Sequence[Row], kinds: Mapping[str, str] | None = None
) -> tuple[tuple[Column, ...], list[dict[str, Any]]]:
    """Columns and canonical rows; ``kinds`` (column -> kind) overrides what the data suggest.

    Raises ``InvalidConfig`` for an unknown column or kind, ``InvalidInput`` for a value that does not fit its kind.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    _check_kinds(names, kinds or {})
    columns = tuple(
        Column(name, (kinds or {}).get(name) or infer(name, [row.get(name) for row in rows])) for name in names
    )
    converted = {column.name: _converted(column, [row.get(column.name) for row in rows]) for column in columns}
    return columns, [dict(zip(names, cells, strict=True)) for cells in zip(*converted.values(), strict=True)]


def infer(name: str, values: Sequence[Any]) -> str:
    """The kind of a column by its values, and by its name where they leave room; the same values, the same kind."""
    present = [value for value in values if not is_missing(value)]
    if present and all(map(value_of.is_image, present)):
        return "image"
    if any(isinstance(value, (list, tuple)) for value in present):
        return _kind_of_lists(present)
    if any(isinstance(value, Mapping) for value in present):
        return "text"
    if not present:
        return "text" if _simple(name) in TEXT_NAMES else "category"
    if all(isinstance(value, bool) for value in present):
        return "category"
    written = [value for value in present if not is_missing_number(value)]
    numbers = _numbers(written)
    if numbers:
        return _kind_of_numbers(name, numbers)
    if written and all(value_of.time(value) is not None for value in written):
        return "time"
    return _kind_of_texts(name, [str(value) for value in present])


def _kind_of_lists(values: Sequence[Any]) -> str:
    """Lists of texts are labels; lists of objects with a role are messages, other lists are spans."""
    items = [item for value in values if isinstance(value, (list, tuple)) for item in value]
    if items and all(isinstance(item, str) for item in items):
        return "labels"
    return "messages" if any(_is_message(value) for value in values) else "spans"


def _numbers(values: Sequence[Any]) -> list[int | float] | None:
    """The values as numbers, or ``None`` as soon as one is none."""
    comma = has_comma_decimals(values)
    numbers = []
    for value in values:
        if (number := value_of.number(value, comma)) is None:
            return None
        numbers.append(number)
    return numbers


def _kind_of_numbers(name: str, numbers: Sequence[int | float]) -> str:
    """Few different whole numbers are labels; all else is measured."""
    different = set(numbers)
    whole = all(isinstance(number, int) or number.is_integer() for number in different)
    repeated = 2 * len(different) <= len(numbers) or _simple(name) in LABEL_NAMES
    return "category" if whole and repeated and len(different) <= MOST_WHOLE_NUMBER_LABELS else "number"


def _kind_of_texts(name: str, texts: Sequence[str]) -> str:
    """Short and repeated, or an identifier: a category; long or mostly different: a text."""
    mean_length = sum(map(len, texts)) / len(texts)
    if _simple(name) in TEXT_NAMES:
        return "text"
    if mean_length > LONGEST_LABEL:
        return "text"
    if _simple(name) in LABEL_NAMES or 2 * len(set(texts)) <= len(texts):
        return "category"
    identifiers = sum(len(text) <= LONGEST_IDENTIFIER and bool(_identifier.fullmatch(text)) for text in texts)
    return "category" if identifiers >= 0.9 * len(texts) else "text"


def _simple(name: str) -> str:
    return name.strip().casefold()


def _is_message(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], Mapping) and "role" in value[0]


# -- canonical values --------------------------------------------------------------------------------


def _converted(column: Column, values: Sequence[Any]) -> list[Any]:
    convert = _conversion(column.kind, values)
    missing = is_missing_number if column.kind in ("number", "time") else is_missing
    made: list[Any] = []
    for position, value in enumerate(values):
        if missing(value) and not (column.kind == "text" and isinstance(value, str) and value):
            made.append(None)
            continue
        canonical = convert(value)
        if canonical is None:
            raise _misfit(column, value, position)
        made.append(canonical)
    return made


def _conversion(kind: str, values: Sequence[Any]) -> Callable[[Any], Any]:
    if kind == "number":
        comma = has_comma_decimals([value for value in values if not is_missing_number(value)])
        return lambda value: value_of.number(value, comma)
    if kind == "category":
        whole = _whole_number_texts(values)
        return lambda value: whole.get(value) or _label(value) if isinstance(value, str) else _label(value)
    if kind == "labels":
        separators = separators_of(values)
        return lambda value: labels_of(value, separators)
    return {"text": _text, "time": value_of.time, "image": _image, "spans": _spans, "messages": _messages}[kind]


def _whole_number_texts(values: Sequence[Any]) -> dict[str, str]:
    """Labels such as "1.0" as "1", where every value of the column is a whole number (a spreadsheet's doing)."""
    texts = {value for value in values if isinstance(value, str) and not is_missing(value)}
    matches = {text: _whole_number.fullmatch(text.strip()) for text in texts}
    return {text: match[1] for text, match in matches.items() if match} if all(matches.values()) else {}


def _label(value: Any) -> str | None:
    if isinstance(value, (list, tuple, Mapping)):
        return None
    return value_of.label(value)


def _text(value: Any) -> str | None:
    if isinstance(value, (list, tuple, Mapping)):
        return json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) else value_of.label(value)


def _image(value: Any) -> Any:
    """A file, bytes or a text that names or holds an image, as given: they are stored as blobs later."""
    return value if isinstance(value, (str, bytes, Path)) else None


def _spans(value: Any) -> list[dict[str, Any]] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, (list, tuple)):
        return None
    spans = [_span(item) for item in value]
    return None if None in spans else [span for span in spans if span is not None]


def _span(item: Any) -> dict[str, Any] | None:
    """One span from start, end and a label, which some tools call type."""
    if not isinstance(item, Mapping):
        return None
    start, end, label = item.get("start"), item.get("end"), item.get("label", item.get("type"))
    whole = all(isinstance(offset, int) and not isinstance(offset, bool) for offset in (start, end))
    if not whole or not isinstance(label, str) or not label or not 0 <= start < end:  # type: ignore[operator]
        return None
    return {"start": start, "end": end, "label": label}


def _messages(value: Any) -> list[Any] | None:
    return [dict(item) for item in value] if isinstance(value, (list, tuple)) and all(map(_is_mapping, value)) else None


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


EXPECTED = {
    "number": Text("a number such as 12, 3.5 or 1,234.5", "12、3.5、1,234.5 这样的数字"),
    "time": Text(
        "a date or time such as 2024-03-05 or 2024-03-05T08:30:00", "2024-03-05 或 2024-03-05T08:30:00 这样的日期时间"
    ),
    "spans": Text(
        'a list such as [{"start": 0, "end": 4, "label": "PER"}]', '[{"start": 0, "end": 4, "label": "PER"}] 这样的列表'
    ),
    "category": Text("one label", "一个标签"),
    "image": Text("an image file", "一个图像文件"),
    "labels": Text(
        'a list of labels such as ["loans", "cards"], or loans;cards',
        '["贷款", "信用卡"] 这样的标签列表，或 贷款;信用卡',
    ),
    "messages": Text('a list of {"role": ..., "content": ...}', '由 {"role": ..., "content": ...} 组成的列表'),
}


def _misfit(column: Column, value: Any, position: int) -> InvalidInput:
    shown, expected = repr(value)[:80], EXPECTED[column.kind]
    return InvalidInput(
        Text(
            f"Row {position + 1}, column {column.name!r} ({column.kind}): expected {expected.en}, found {shown}.",
            f"第 {position + 1} 行，列 {column.name!r}（{column.kind}）：应为{expected.zh}，实际是 {shown}。",
        ),
        Text(
            f"Correct the value, remove the column, or set another kind: --kind {column.name}=text",
            f"请改正该值、删除该列，或指定其他类型：--kind {column.name}=text",
        ),
    )


def _check_kinds(names: Sequence[str], kinds: Mapping[str, str]) -> None:
    for name, kind in kinds.items():
        if name not in names:
            raise InvalidConfig(
                Text(f"There is no column {name!r} to set a kind for.", f"没有名为 {name!r} 的列，无法指定类型。"),
                Text(*_did_you_mean(name, names)),
            )
        if kind not in COLUMN_KINDS:
            raise InvalidConfig(
                Text(
                    f"{kind!r} is no kind of column (given for {name!r}).", f"{kind!r} 不是列的类型（用于 {name!r}）。"
                ),
                Text(*_did_you_mean(kind, COLUMN_KINDS)),
            )


def _did_you_mean(word: str, known: Sequence[str]) -> tuple[str, str]:
    near = difflib.get_close_matches(word, known, n=1)
    listed = ", ".join(near or known)
    return f"Choose: {listed}.", f"可选：{listed}。"
