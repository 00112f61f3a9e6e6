"""Conversations a line (``messages``, ``conversations``) and instructions with their output, as prompts and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuneworks.core.asking import Reader, Row
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.language.chats import ANSWER, MESSAGES, messages_of, prompt_and_answer
from tuneworks.language.encodings import first_text
from tuneworks.language.text_files import format_text, read_text, unreadable
from tuneworks.readers._json import objects_in

SUFFIXES = {".jsonl", ".ndjson", ".json"}
NAMES = (MESSAGES, "conversations")
INSTRUCTED = {"instruction", "output"}


class Chat(Reader):
    """What stands before the assistant's last message is the prompt ``messages``, that message the ``answer``.

    ``{"instruction", "input", "output"}`` become the columns ``text`` and ``answer``. Other columns stay.
    """

    def accepts(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() in SUFFIXES and _speaks(_first_object(first_text(head)))

    def rows(self, path: Path, listener: Listener = silent) -> Iterator[Row]:
        decoded = read_text(path)
        tell(listener, "format", format_text(decoded))
        return _rows(path, decoded.text, listener)


def _rows(path: Path, text: str, listener: Listener) -> Iterator[Row]:
    for number, row in enumerate(objects_in(path, text, listener), start=1):
        yield _instructed(row) if row.keys() >= INSTRUCTED else _spoken(path, row, number)


def _first_object(text: str) -> Mapping[str, Any]:
    """The first object of the beginning of a file; empty where it cannot be read."""
    start = text.find("{")
    if start < 0 or text[:start].strip(" \t\r\n[\ufeff"):
        return {}
    try:
        made, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return {}
    return made if isinstance(made, dict) else {}


def _speaks(row: Mapping[str, Any]) -> bool:
    if row.keys() >= INSTRUCTED:
        return all(isinstance(row[name], str) for name in INSTRUCTED)
    return any(messages_of(row.get(name)) is not None for name in NAMES)


def _instructed(row: Mapping[str, Any]) -> Row:
    given = [str(row[name]) for name in ("instruction", "input") if row.get(name)]
    others = {name: value for name, value in row.items() if name not in ("instruction", "input", "output")}
    return {"text": "\n".join(given), ANSWER: row["output"], **others}


def _spoken(path: Path, row: Mapping[str, Any], number: int) -> Row:
    """A conversation's prompt and answer; one that the assistant does not end has no answer."""
    name = next((name for name in NAMES if name in row), MESSAGES)
    messages = messages_of(row.get(name))
    if messages is None:
        raise unreadable(
            path,
            Text(
                f"row {number}: {name!r} is not a list of messages with a role and a content.",
                f"第 {number} 行：{name!r} 不是由带有 role 和 content 的消息组成的列表。",
            ),
            Text(
                'Write {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}.',
                '请写成 {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}。',
            ),
        )
    prompt, answer = prompt_and_answer(messages)
    others = {key: value for key, value in row.items() if key != name}
    return {MESSAGES: prompt, ANSWER: answer, **others}
