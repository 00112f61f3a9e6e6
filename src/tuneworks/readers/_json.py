"""JSON text as objects: one a line, or one list of them; errors name file, line and column."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuneworks.core.asking import Row
from tuneworks.core.events import Listener, tell
from tuneworks.core.text import Text
from tuneworks.language.text_files import LONGEST_FIELD, unreadable

KINDS = {
    str: ("a text", "文本"),
    list: ("a list", "列表"),
    bool: ("true or false", "布尔值"),
    type(None): ("null", "空值"),
}


def objects_in(path: Path, text: str, listener: Listener) -> Iterator[Row]:
    """The objects of the file's text, in order."""
    return _from_list(path, text) if text.lstrip().startswith("[") else _from_lines(path, text, listener)


def _from_lines(path: Path, text: str, listener: Listener) -> Iterator[Row]:
    blank = 0
    bare = "\r" in text and "\n" not in text
    if bare:
        tell(listener, "repair", Text("Lines end in a bare CR; read as lines.", "行尾只有 CR，已按行读取。"))
    for number, line in enumerate(text.rstrip().split("\r" if bare else "\n"), start=1):
        if line.strip():
            yield _checked(path, _parse(path, line, number), number)
        else:
            blank += 1
    if blank:
        tell(listener, "repair", Text(f"Empty lines skipped: {blank}.", f"已跳过 {blank} 个空行。"))


def _from_list(path: Path, text: str) -> Iterator[Row]:
    for number, value in enumerate(_parse(path, text, 1), start=1):
        if not isinstance(value, dict):
            raise _not_an_object(path, value, Text(f"item {number}", f"第 {number} 项"), None)
        yield value


def _checked(path: Path, value: Any, line: int) -> Row:
    if not isinstance(value, dict):
        raise _not_an_object(path, value, Text("the line", "这一行"), line)
    for name, item in value.items():
        if isinstance(item, str) and len(item) > LONGEST_FIELD:
            raise unreadable(
                path,
                Text(
                    f"the value of {name!r} has {len(item)} characters; at most {LONGEST_FIELD} are taken.",
                    f"{name!r} 的值有 {len(item)} 个字符，最多允许 {LONGEST_FIELD} 个。",
                ),
                Text("Split the text into several rows.", "请将文本拆成多行。"),
                line,
            )
    return value


def _parse(path: Path, text: str, line: int) -> Any:
    """The JSON value; errors carry line and column, ``line`` being where ``text`` begins."""
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _bad_json(path, text, error, line) from None
    except RecursionError:
        detail = Text("brackets are nested too deeply", "括号嵌套过深")
    except ValueError as error:
        detail = (
            error.args[0] if isinstance(error.args[0], Text) else Text("a number has too many digits", "数字位数过多")
        )
    raise unreadable(
        path,
        Text(f"{detail.en}.", f"{detail.zh}。"),
        Text(
            "Write finite numbers, null for a missing value, and every name once.",
            "请使用有限的数字，缺失值写 null，每个名称只写一次。",
        ),
        line if "\n" not in text.strip() else None,
    )


def _bad_json(path: Path, text: str, error: json.JSONDecodeError, line: int) -> Exception:
    cut_off = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
    en, zh = (
        ("the JSON is cut off here", "JSON 在此处被截断") if cut_off else (f"not JSON: {error.msg}", "不是合法的 JSON")
    )
    return unreadable(
        path,
        Text(f"{en}: {_shown(text, error.pos)}", f"{zh}：{_shown(text, error.pos)}"),
        Text(
            'Expected one whole object a line, such as {"text": "...", "label": "..."}; correct the line or remove it.',
            '每一行应是一个完整的对象，例如 {"text": "...", "label": "..."}；请改正或删除这一行。',
        ),
        line + error.lineno - 1,
        error.colno,
    )


def _not_an_object(path: Path, value: Any, where: Text, line: int | None) -> Exception:
    en, zh = KINDS.get(type(value), ("a number", "数字"))
    return unreadable(
        path,
        Text(f"{where.en} is {en}, not an object.", f"{where.zh}是{zh}，不是对象。"),
        Text('Write {"column": value, ...} for each row.', '每一行请写成 {"列名": 值, ...}。'),
        line,
    )


def _shown(text: str, position: int) -> str:
    return repr(text[max(0, position - 20) : position + 20])


def _refuse_constant(name: str) -> Any:
    raise ValueError(Text(f"{name} is not a JSON number", f"{name} 不是合法的 JSON 数字"))


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(Text(f"the number {digits} is too large", f"数字 {digits} 过大"))
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(Text(f"the name {twice!r} stands twice in one object", f"名称 {twice!r} 在同一对象中出现两次"))
    return row


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique)
