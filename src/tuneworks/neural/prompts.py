"""Prompts as tokens: a text, or a conversation in the marks its model was taught with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

TURN, TURN_END = "<|im_start|>", "<|im_end|>"
ANSWERER = "assistant"


class Prompts:
    """What a writer reads before it writes, at most ``max_length`` tokens.

    A vocabulary that knows the marks of ChatML is of a model taught with conversations: each message stands between
    these marks, and one of the assistant is opened. To other models a text goes as it is, a conversation as lines of
    role and content, a ``separator`` after it. Of a long text the end is cut, of a long conversation the beginning.
    Marks that stand in a message are text.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, separator: str = "") -> None:
        self._tokenizer, self._most, self._separator = tokenizer, max_length, separator
        self._turn, self._end = tokenizer.token_to_id(TURN), tokenizer.token_to_id(TURN_END)

    def __call__(self, value: Any) -> list[int]:
        """The tokens of a text or of a list of messages."""
        ids, last = self._whole(value)
        return self._cut(ids, last, keep_end=not isinstance(value, (str, type(None))))

    def truncated(self, value: Any) -> bool:
        """Whether a part of the prompt is cut off."""
        return len(self._whole(value)[0]) > self._most

    def _whole(self, value: Any) -> tuple[list[int], int]:
        """All the tokens, and how many of the last must stay whatever is cut."""
        if self._turn is None or self._end is None:
            plain = self._tokenizer.encode(as_text(value) + self._separator).ids
            return plain or [0], self._tokenizer.num_special_tokens_to_add(False)
        messages = value if isinstance(value, (list, tuple)) else [{"role": "user", "content": value or ""}]
        line = self._ids("\n")
        closed = [[self._turn, *self._ids(f"{role(m)}\n{content(m)}"), self._end, *line] for m in messages]
        opened = [self._turn, *self._ids(f"{ANSWERER}\n")]
        return [*(token for turn in closed for token in turn), *opened], len(opened) + 1 + len(line)

    def _cut(self, ids: list[int], last: int, *, keep_end: bool) -> list[int]:
        if len(ids) <= self._most:
            return ids
        body, tail = (ids[:-last], ids[-last:]) if last else (ids, [])
        room = max(1, self._most - len(tail))
        return [*(body[-room:] if keep_end else body[:room]), *tail]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def as_text(value: Any) -> str:
    """A text as it is; a conversation as a line a message, without the role where there is but one."""
    if not isinstance(value, (list, tuple)):
        return str(value or "")
    return content(value[0]) if len(value) == 1 else "\n".join(f"{role(m)}: {content(m)}" for m in value)


def role(message: Mapping[str, Any]) -> str:
    """Who speaks."""
    return str(message.get("role") or "user")


def content(message: Mapping[str, Any]) -> str:
    """What is said; of content in parts the texts."""
    said = message.get("content")
    if isinstance(said, Sequence) and not isinstance(said, str):
        return "\n".join(str(part.get("text") or "") for part in said if isinstance(part, Mapping))
    return str(said or "")
