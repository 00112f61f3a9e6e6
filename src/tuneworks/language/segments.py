"""Where the units of a text lie: words, single Chinese characters, punctuation marks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = "\u3041-\u30ff"
SINGLE = f"{IDEOGRAPHS}{KANA}"
LEAST_CHINESE_SHARE = 0.3

_unit = re.compile(rf"[{SINGLE}]|[^\W_{SINGLE}]+|[^\w\s]|_")
_token = re.compile(r"\S+")
_ideograph = re.compile(f"[{IDEOGRAPHS}]")
_letter = re.compile(r"[^\W\d_]")
_sentence = re.compile(r"\S(?:(?!\n).)*?(?:[。！？；!?]+[”’」』）)]*|\.+[\"')\]]*(?=\s|$)|(?=\n)|$)")


def units(text: str) -> list[tuple[int, int]]:
    """Code-point offsets of runs of letters and digits, of each Chinese character, and of each mark.

    >>> units("iPhone 15很好!")
    [(0, 6), (7, 9), (9, 10), (10, 11), (11, 12)]
    """
    return [match.span() for match in _unit.finditer(text)]


def stretches(text: str, most: int) -> list[tuple[int, int]]:
    """The units of a text; of one with more than ``most`` neighbours are taken together, as evenly as can be.

    >>> stretches("a b c d e", 2)
    [(0, 3), (4, 9)]
    """
    found = units(text)
    if len(found) <= most:
        return found
    ends = [len(found) * part // most for part in range(most + 1)]
    return [(found[a][0], found[b - 1][1]) for a, b in itertools.pairwise(ends)]


def whitespace_units(text: str) -> list[tuple[int, int]]:
    """Code-point offsets of what white space separates: the tokens of text that came tokenised.

    >>> whitespace_units("AL-AIN , 1996-12-06")
    [(0, 6), (7, 8), (9, 19)]
    """
    return [match.span() for match in _token.finditer(text)]


def is_chinese(texts: Iterable[str]) -> bool:
    """Whether Chinese characters make up a good part of all letters.

    >>> is_chinese(["iPhone 15 很好用"]), is_chinese(["I like 豆腐 very much"])
    (True, False)
    """
    ideographs = letters = 0
    for text in texts:
        if text.isascii():
            letters += sum(map(str.isalpha, text))
            continue
        ideographs += len(_ideograph.findall(text))
        letters += len(_letter.findall(text))
    return ideographs > 0 and ideographs >= LEAST_CHINESE_SHARE * letters


def sentences(text: str) -> list[tuple[int, int]]:
    """Code-point offsets of sentences, each with the marks that end it: Chinese ones anywhere, others before a blank.

    >>> text = "It rained. 后来停了！我们走了"
    >>> [text[start:end] for start, end in sentences(text)]
    ['It rained.', '后来停了！', '我们走了']
    """
    return [match.span() for match in _sentence.finditer(text)]


def first_sentence(text: str) -> str:
    """The text up to the end of its first sentence."""
    return text[: sentences(text)[0][1]] if text.strip() else ""
