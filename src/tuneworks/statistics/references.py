"""True answers to a question about a text, however they are written down: texts, stretches, or SQuAD's two lists."""

from __future__ import annotations

import json
import re
import string
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuneworks.core.answers import PassageAnswer
from tuneworks.language.segments import units

LABEL = "answer"
ARTICLES = re.compile(r"\b(a|an|the)\b")
_marks = set(string.punctuation)


@dataclass(frozen=True)
class Reference:
    """One true answer: its words, its place in the text (end exclusive), or both."""

    text: str | None = None
    start: int | None = None
    end: int | None = None

    def place(self, context: str) -> tuple[int, int]:
        """Where it stands in the text: as stated if its words are there, else where they first are, or (-1, -1)."""
        if self.text is None:
            known = self.start is not None and self.end is not None
            return (self.start or 0, self.end or 0) if known else (-1, -1)
        start = (
            self.start
            if self.start is not None and context.startswith(self.text, self.start)
            else context.find(self.text)
        )
        return (start, start + len(self.text)) if start >= 0 else (-1, -1)

    def words(self, context: str) -> str:
        """Its words, read from the text where only its place is known."""
        return self.text if self.text is not None else context[self.start : self.end]


def references(value: Any) -> list[Reference] | None:
    """The true answers a value names, none of them where it says there is no answer; ``None`` where it says neither.

    >>> references("42")
    [Reference(text='42', start=None, end=None)]
    >>> references({"text": ["42"], "answer_start": [7]})
    [Reference(text='42', start=7, end=9)]
    >>> references([{"start": 7, "end": 9}]), references([]), references(42)
    ([Reference(text=None, start=7, end=9)], [], None)
    """
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, Mapping):
        return _of_mapping(value)
    if not isinstance(value, Sequence):
        return None
    found = [references(one) for one in value]
    return None if None in found else [one for ones in found for one in ones or ()]


def _of_text(value: str) -> list[Reference]:
    """Words as they stand; what an object or a list was written down as, where it was one of answers."""
    if value[:1] in ("[", "{"):
        try:
            parsed = references(json.loads(value))
        except ValueError:
            parsed = None
        if parsed is not None:
            return parsed
    return [Reference(value)] if value.strip() else []


def _of_mapping(value: Mapping[str, Any]) -> list[Reference] | None:
    text = value.get("text")
    if isinstance(text, Sequence) and not isinstance(text, str):
        starts = value.get("answer_start") or [None] * len(text)
        return [_at(words, start) for words, start in zip(text, starts, strict=False) if str(words).strip()]
    start, end = value.get("start", value.get("answer_start")), value.get("end")
    if isinstance(text, str) and text:
        return [_at(text, start)]
    if _is_place(start) and _is_place(end):
        return [Reference(None, start, end)]
    return None


def _at(words: Any, start: Any) -> Reference:
    written = str(words)
    return Reference(written, start, start + len(written)) if _is_place(start) else Reference(written)


def _is_place(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def matches(answer: PassageAnswer, one: Reference) -> bool:
    """Whether an answer says what a reference says: the same words after normalisation, or the same place."""
    if one.text is None:
        return (answer.start, answer.end) == (one.start, one.end)
    return simplified(answer.text or "") == simplified(one.text)


def simplified(text: str) -> str:
    """SQuAD's normalisation: lower case, without punctuation, English articles and superfluous blanks; NFKC before.

    >>> simplified("The  Battle of Hastings, 1066!"), simplified("《三国志》")
    ('battle of hastings 1066', '三国志')
    """
    lower = unicodedata.normalize("NFKC", text).lower()
    bare = "".join(character for character in lower if not _is_mark(character))
    return " ".join(ARTICLES.sub(" ", bare).split())


def tokens(text: str) -> list[str]:
    """What overlap is counted in: words, each Chinese character alone, after :func:`simplified`."""
    bare = simplified(text)
    return [bare[start:end] for start, end in units(bare)]


def _is_mark(character: str) -> bool:
    return character in _marks or unicodedata.category(character).startswith("P")
