"""Rows of tokens and tags, as many files have them, as rows of text and spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.language.tags import TaggedText, is_by_character, spans_from_tags

Row = Mapping[str, Any]

TAG_COLUMNS = ("tags", "ner_tags", "labels")


def has_tokens(rows: Sequence[Row]) -> str | None:
    """The column of tags, where the rows hold a list of tokens and a list of tags."""
    for column in TAG_COLUMNS:
        if rows and isinstance(rows[0].get("tokens"), list) and isinstance(rows[0].get(column), list):
            return column
    return None


def text_with_spans(rows: Sequence[Row], tags: str) -> tuple[list[dict[str, Any]], int]:
    """The rows with ``text`` for tokens and ``spans`` for tags, and how many tags were read as a beginning.

    Raises ``InvalidInput`` naming the row whose tokens and tags do not fit together.
    """
    for number, row in enumerate(rows, start=1):
        _check(row, tags, number)
    by_character = is_by_character(row["tokens"] for row in rows)
    made, repaired = [], 0
    for number, row in enumerate(rows, start=1):
        tagged = _tagged(row, tags, number, by_character)
        repaired += tagged.repaired
        new_names = {"tokens": "text", tags: "spans"}
        new_values = {"tokens": tagged.text, tags: tagged.spans}
        made.append({new_names.get(name, name): new_values.get(name, value) for name, value in row.items()})
    return made, repaired


def _tagged(row: Row, tags: str, number: int, by_character: bool) -> TaggedText:
    try:
        return spans_from_tags(row["tokens"], row[tags], by_character)
    except ValueError as error:
        raise _misfit(number, f"the tag {str(error)!r} is none", f"标签 {str(error)!r} 无效") from None


def _check(row: Row, tags: str, number: int) -> None:
    tokens: Any = row.get("tokens")
    marks: Any = row.get(tags)
    if not _is_text_list(tokens) or not _is_text_list(marks):
        raise _misfit(number, f"'tokens' or {tags!r} is not a list of texts", f"'tokens' 或 {tags!r} 不是文本列表")
    if len(tokens) != len(marks):
        raise _misfit(
            number, f"{len(tokens)} tokens but {len(marks)} tags", f"有 {len(tokens)} 个词，却有 {len(marks)} 个标签"
        )
    if {"text", "spans"} & (row.keys() - {tags}):
        raise _misfit(number, "both tokens and text (or spans) are given", "同时给出了 tokens 和 text（或 spans）")


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _misfit(number: int, en: str, zh: str) -> InvalidInput:
    return InvalidInput(
        Text(f"Row {number}: {en}.", f"第 {number} 行：{zh}。"),
        Text(
            'Write one tag a token: {"tokens": ["Peter", "left"], "tags": ["B-PER", "O"]}',
            '每个词对应一个标签：{"tokens": ["Peter", "left"], "tags": ["B-PER", "O"]}',
        ),
    )
