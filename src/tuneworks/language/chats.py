"""Conversations: messages with a role and a content, and the answer that the assistant's last one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ANSWERER = "assistant"
ROLES = {"human": "user", "gpt": ANSWERER, "bot": ANSWERER, "model": ANSWERER}
MESSAGES, ANSWER = "messages", "answer"
ALONE = {MESSAGES, "split"}

Messages = list[dict[str, str]]


def messages_of(value: Any) -> Messages | None:
    """Messages as role and content, also those that say ``from`` and ``value``; ``None`` of something else."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    made = [_message(one) for one in value]
    return None if None in made else [message for message in made if message is not None]


def prompt_and_answer(messages: Messages) -> tuple[Messages, str | None]:
    """What stands before the assistant's last message, and that message; no answer where it said nothing.

    >>> prompt_and_answer([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}])
    ([{'role': 'user', 'content': 'hi'}], 'hello')
    """
    last = max((i for i, message in enumerate(messages) if message["role"] == ANSWERER), default=None)
    return (messages, None) if last is None else (messages[:last], messages[last]["content"])


def with_answers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of conversations alone as prompts and answers; other rows as they are."""
    if not all(MESSAGES in row and row.keys() <= ALONE for row in rows):
        return rows
    made = []
    for row in rows:
        messages = messages_of(row[MESSAGES])
        if messages is None:
            return rows
        prompt, answer = prompt_and_answer(messages)
        made.append({**row, MESSAGES: prompt, ANSWER: answer})
    return made if any(row[ANSWER] is not None for row in made) else rows


def _message(value: Any) -> dict[str, str] | None:
    if not isinstance(value, Mapping):
        return None
    role, content = value.get("role", value.get("from")), value.get("content", value.get("value"))
    if not isinstance(role, str) or not isinstance(content, str):
        return None
    return {"role": ROLES.get(role, role), "content": content}
