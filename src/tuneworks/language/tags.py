"""Tagged tokens as text with spans: BIO, IOB1, IOB2, BIOES, BMES and BILOU alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tuneworks.core.text import Text
from tuneworks.language.segments import IDEOGRAPHS, is_chinese

TAG = re.compile(r"^(?:O|[BIESMLU]-\S+)$")
LEAST_SINGLE_SHARE = 0.95

_chinese_side = re.compile(f"[{IDEOGRAPHS}\u3000-\u303f\uff00-\uffef]")
_continues = {"I": "I", "M": "I", "E": "E", "L": "E"}


@dataclass(frozen=True)
class TaggedText:
    """A text, its spans as dicts of start, end, label, and how many tags had to be read as a beginning."""

    text: str
    spans: list[dict[str, Any]]
    repaired: int = 0


def is_by_character(token_rows: Iterable[Sequence[str]]) -> bool:
    """Whether the tokens of a whole file are the single characters of Chinese text."""
    tokens = [token for row in token_rows for token in row]
    single = sum(len(token) == 1 for token in tokens)
    return bool(tokens) and single >= LEAST_SINGLE_SHARE * len(tokens) and is_chinese(tokens)


def join(tokens: Sequence[str], by_character: bool = False) -> tuple[str, list[tuple[int, int]]]:
    """The text of tokens and each token's offsets: a space between words, nothing beside Chinese characters.

    >>> join(["我", "用", "iPhone"])[0], join(["New", "York"])[0]
    ('我用iPhone', 'New York')
    """
    text, offsets = "", []
    for token in tokens:
        if text and not by_character and not _touches(text[-1], token[:1]):
            text += " "
        offsets.append((len(text), len(text) + len(token)))
        text += token
    return text, offsets


def spans_from_tags(tokens: Sequence[str], tags: Sequence[str], by_character: bool | None = None) -> TaggedText:
    """Text with spans from tokens and their tags; raises ``ValueError`` naming a tag that is none.

    A tag I- (or E-) that continues nothing begins a span of its own, as in IOB1, and is counted in ``repaired``.

    >>> spans_from_tags(["Peter", "Blackburn", "left"], ["B-PER", "I-PER", "O"]).spans
    [{'start': 0, 'end': 15, 'label': 'PER'}]
    """
    text, offsets = join(tokens, is_by_character([tokens]) if by_character is None else by_character)
    spans: list[dict[str, Any]] = []
    repaired, open_label = 0, None
    for (start, end), tag in zip(offsets, tags, strict=True):
        if not TAG.match(tag):
            raise ValueError(tag)
        prefix, _, label = tag.partition("-")
        if prefix == "O":
            open_label = None
            continue
        if prefix in _continues and label == open_label:
            spans[-1]["end"] = end
        else:
            repaired += prefix in _continues
            spans.append({"start": start, "end": end, "label": label})
        open_label = None if prefix in ("S", "U", "E", "L") else label
    return TaggedText(text, spans, repaired)


def repaired_tags(count: int) -> Text:
    """What is said of tags that continued nothing."""
    return Text(
        f"Tags I- or E- that continue nothing, read as a beginning (IOB1): {count}.",
        f"有 {count} 个 I- 或 E- 标签前面没有可延续的实体，已按 IOB1 规则读作实体开头。",
    )


def _touches(left: str, right: str) -> bool:
    return bool(_chinese_side.match(left) or _chinese_side.match(right))
