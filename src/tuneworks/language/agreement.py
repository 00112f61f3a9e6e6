"""How each unit of a text agrees with a question about it, in numbers that a linear model can choose an answer by.

What the question says stands near its answer, seldom in it: a unit is seen by the words and pairs of words it shares
with the question, by how much of the question its clause and its sentence share, by what stands beside it (marks,
digits, ends of clauses), and by what is asked for (a number, a time, a person, a place, a reason).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.types import Pair
from tuneworks.language.ngrams import normalised
from tuneworks.language.segments import units as units_of

Floats = NDArray[np.float32]
Units = Sequence[tuple[int, int]]

SENTENCE_ENDS = frozenset("。！？；!?;.\n")
CLAUSE_ENDS = frozenset("，,、:：—") | SENTENCE_ENDS
OPENING, CLOSING = frozenset("“‘「『《（([<【\"'"), frozenset("”’」』》）)]>】\"'")
ASKED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"多少|几|how (many|much|old|long|far)",
        r"何时|时候|时间|年|月|日|\bwhen\b|what (year|date|time)",
        r"谁|何人|\bwho(m|se)?\b",
        r"哪里|哪儿|何处|何地|在哪|地方|地点|地区|\bwhere\b",
        r"为什么|为何|原因|\bwhy\b|reason",
        r"怎么|怎样|如何|\bhow\b(?! (many|much|old|long|far))",
        r"哪些|哪几|包括|which of|list",
        r"什么|哪|\bwhat\b|\bwhich\b",
    )
)
REACHES = (4, 10, 25)
FADES = (2.0, 8.0)


def agreement(pair: Pair, units: Units) -> Floats:
    """Features (L, K) of the units of ``pair.second``."""
    words = [normalised(pair.second[start:end]) for start, end in units]
    if not words:
        return np.zeros((0, WIDTH), np.float32)
    asked = [normalised(pair.first[start:end]) for start, end in units_of(pair.first)]
    forms = _forms([pair.second[start:end] for start, end in units])
    parts = [_part_numbers(np.array([word in marks for word in words])) for marks in (CLAUSE_ENDS, SENTENCE_ENDS)]
    shared = _shared(words, asked)
    covered, whole = np.stack([_covered(words, asked, part, n) for part in parts for n in (1, 2)], axis=2).swapaxes(
        0, 1
    )
    borders = np.stack([border for part in parts for border in _borders(part, forms[:, 3])], axis=1)
    seen = np.concatenate([forms, _moved(forms, 1), _moved(forms, -1), borders], axis=1)
    sentence, clause = covered[:, [3]], covered[:, [1, 3]].max(axis=1, keepdims=True) * covered[:, [2]]
    near = [shared, _moved(shared, 1), _moved(shared, -1), _within(shared[:, 1]), _fading(shared[:, 1])]
    crossed = [seen, seen * sentence**2, seen * clause, shared * sentence, _by_asked(pair.first, forms)]
    made = [*near, covered, covered**3, whole, _place(len(words)), *crossed]
    return np.concatenate(made, axis=1).astype(np.float32)


def _by_asked(question: str, forms: Floats) -> Floats:
    """What units look like, for each thing that can be asked for (L, 6 A)."""
    wanted = np.array([bool(pattern.search(question)) for pattern in ASKED], dtype=np.float32)
    made: Floats = (wanted[None, :, None] * forms[:, None, :]).reshape(len(forms), -1)
    return made


def _place(count: int) -> Floats:
    """How far into the text a unit stands, and whether it is near the beginning (L, 2)."""
    return np.stack([np.linspace(0, 1, count), np.exp(-np.arange(count) / 20)], axis=1).astype(np.float32)


def _forms(words: Sequence[str]) -> Floats:
    """What a unit looks like: digits, Latin letters, other letters, a mark, an opening one, a closing one (L, 6)."""
    return np.array(
        [
            (
                word[0].isdigit(),
                word[0].isascii() and word[0].isalpha(),
                not word[0].isascii() and word[0].isalnum(),
                not word[0].isalnum(),
                word in OPENING,
                word in CLOSING,
            )
            for word in words
        ],
        dtype=np.float32,
    )


def _shared(words: Sequence[str], asked: Sequence[str]) -> Floats:
    """How telling it is that a unit, its pair or its three is in the question too (L, 3): 1 said once, 0 throughout."""
    made = np.zeros((len(words), 3), np.float32)
    for length in (1, 2, 3):
        grams, known = _grams(words, length), set(_grams(asked, length))
        counts = Counter(grams)
        for start, gram in enumerate(grams):
            if gram in known and any(word[:1].isalnum() for word in gram):
                telling = _telling(counts[gram], len(words))
                made[start : start + length, length - 1] = np.maximum(made[start : start + length, length - 1], telling)
    return made


def _grams(words: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(length)), strict=False))


def _telling(count: int, units: int) -> float:
    return float(np.log((1 + units) / count) / np.log(1 + units))


def _covered(words: Sequence[str], asked: Sequence[str], parts: NDArray[np.int64], length: int) -> Floats:
    """How much of the question a unit's part of the text shares: of the most any part does, and of all of it (L, 2)."""
    grams = _grams(words, length)
    counts, known = Counter(grams), set(_grams(asked, length))
    held: list[set[tuple[str, ...]]] = [set() for _ in range(int(parts[-1]) + 1)]
    for start, gram in enumerate(grams):
        if gram in known:
            held[parts[start]].add(gram)
    weight = np.array([sum(_telling(counts[gram], len(words)) for gram in grams_held) for grams_held in held])
    relative = weight / max(float(weight.max()), 1e-9)
    whole = np.array([len(grams_held) for grams_held in held]) / max(1, len(known))
    return np.stack([relative, whole], axis=1)[parts].astype(np.float32)


def _part_numbers(ends: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The number of the clause or sentence each unit is in; a mark ends its own."""
    return np.concatenate([[0], np.cumsum(ends)[:-1]])


def _borders(parts: NDArray[np.int64], marks: Floats) -> tuple[Floats, Floats, Floats]:
    """Whether a unit is the first of its part, the last, or the last before the mark that ends it."""
    changes = (parts[1:] != parts[:-1]).astype(np.float32)
    last = np.append(changes, 1).astype(np.float32)
    return np.append([1], changes).astype(np.float32), last, np.append(last[1:] * marks[1:], 0).astype(np.float32)


def _moved(features: Floats, by: int) -> Floats:
    """The features of the unit before (1) or after (-1)."""
    made = np.roll(features, by, axis=0)
    made[0 if by > 0 else -1] = 0
    return made


def _within(series: Floats) -> Floats:
    """The mean of a series over the units just before and just after, at several reaches (L, 2 R)."""
    total = np.concatenate([[0], np.cumsum(series, dtype=np.float64)])
    at = np.arange(len(series))
    columns = []
    for reach in REACHES:
        columns.append((total[at] - total[np.maximum(at - reach, 0)]) / reach)
        columns.append((total[np.minimum(at + 1 + reach, len(series))] - total[at + 1]) / reach)
    return np.stack(columns, axis=1).astype(np.float32)


def _fading(series: Floats) -> Floats:
    """How near the last unit before and the next one after is that shares a pair with the question (L, 2 F)."""
    before, after = _since(series > 0), _since(series[::-1] > 0)[::-1]
    return np.stack([np.exp(-gap / fade) for fade in FADES for gap in (before, after)], axis=1).astype(np.float32)


def _since(hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many units ago the last hit was, itself not counted; endless where there was none."""
    at = np.where(hits, np.arange(len(hits)), -np.inf)
    latest = np.concatenate([[-np.inf], np.maximum.accumulate(at)[:-1]])
    return np.arange(len(hits)) - latest


WIDTH = agreement(Pair("a", "a"), [(0, 1)]).shape[1]
