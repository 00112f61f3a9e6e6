"""Character n-grams: vocabulary and TF-IDF weights, the same for every language."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def normalised(text: str) -> str:
    """NFKC, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def grams_of(text: str, longest: int) -> Iterator[str]:
    """The n-grams of one to ``longest`` characters inside each word, the blanks at its ends included.

    >>> list(grams_of("A b", 2))
    [' ', 'a', ' ', ' a', 'a ', ' ', 'b', ' ', ' b', 'b ']
    """
    for word in normalised(text).split():
        padded = f" {word} "
        for length in range(1, min(longest, len(padded)) + 1):
            for start in range(len(padded) - length + 1):
                yield padded[start : start + length]


def fit_vocabulary(texts: Sequence[str], *, longest: int, smallest_count: int, most: int) -> bytes:
    """The n-grams worth counting, those in at least ``smallest_count`` texts, and their weights, as JSON.

    At most the ``most`` commonest are kept. The weight is the smoothed inverse document frequency
    ``ln((1 + texts) / (1 + texts with it)) + 1``.
    """
    times, texts_with = Counter[str](), Counter[str]()
    for text in texts:
        counts = Counter(grams_of(text, longest))
        times.update(counts)
        texts_with.update(counts.keys())
    known = [gram for gram, count in texts_with.items() if count >= smallest_count] or list(texts_with) or ["a"]
    grams = sorted(sorted(known, key=lambda gram: (-times[gram], gram))[:most])
    weights = [round(float(np.log((1 + len(texts)) / (1 + texts_with[gram]))) + 1, 6) for gram in grams]
    state = {"longest": longest, "grams": grams, "idf": weights}
    return json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Vocabulary:
    """N-grams with their columns and weights."""

    longest: int
    column_of: dict[str, int]
    weights: NDArray[np.float32]

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """TF-IDF features (N, D) with ``1 + ln(count)`` as term frequency; rows of norm 1, or empty."""
        columns: list[int] = []
        counts: list[int] = []
        ends = [0]
        for text in texts:
            known = (gram for gram in grams_of(text, self.longest) if gram in self.column_of)
            found = Counter(map(self.column_of.__getitem__, known))
            columns += sorted(found)
            counts += [found[column] for column in columns[ends[-1] :]]
            ends.append(len(columns))
        at = np.asarray(columns, dtype=np.int32)
        values = ((1 + np.log(np.asarray(counts, dtype=np.float32))) * self.weights[at]).astype(np.float32)
        made = sparse.csr_matrix((values, at, np.asarray(ends)), shape=(len(texts), len(self.weights)))
        norms = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)).ravel())
        made.data /= np.repeat(np.maximum(norms, 1e-12), np.diff(made.indptr)).astype(np.float32)
        return made

    def places(self, text: str) -> list[tuple[int, tuple[int, int]]]:
        """Where each n-gram it knows stands: (column, code points of the text as given), once for each time."""
        lowered, origin = _with_origin(text)
        return [
            (self.column_of[gram], (origin[begin][0], origin[end - 1][1]))
            for gram, begin, end in _placed(lowered, self.longest)
            if gram in self.column_of
        ]


def _placed(lowered: str, longest: int) -> Iterator[tuple[str, int, int]]:
    """The n-grams of :func:`grams_of` with the characters each covers; a blank alone covers its neighbour."""
    for word in re.finditer(r"\S+", lowered):
        first, size, padded = word.start(), len(word.group()), f" {word.group()} "
        for length in range(1, min(longest, len(padded)) + 1):
            for start in range(len(padded) - length + 1):
                begin = min(max(start - 1, 0), size - 1)
                end = max(min(start + length - 1, size), begin + 1)
                yield padded[start : start + length], first + begin, first + end


def _with_origin(text: str) -> tuple[str, list[tuple[int, int]]]:
    """NFKC and lower case, and for each character the stretch of the text it came from."""
    folded: list[str] = []
    origin: list[tuple[int, int]] = []
    for begin, end in _clusters(text):
        made = unicodedata.normalize("NFKC", text[begin:end]).lower()
        folded.append(made)
        origin += [(begin, end)] * len(made)
    whole = unicodedata.normalize("NFKC", text).lower()
    same = len(whole) == len(origin)  # a final sigma differs from the letter alone, but takes its place
    return whole, origin if same else [(0, len(text))] * len(whole)


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Stretches that normalise by themselves: a character with the marks and vowels that join it."""
    begin = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not _joins(text[end]):
            yield begin, end
            begin = end


def _joins(character: str) -> bool:
    first = unicodedata.normalize("NFKC", character)[:1]
    return unicodedata.combining(first) != 0 or "\u1160" <= first <= "\u11ff"


def load_vocabulary(data: bytes) -> Vocabulary:
    """The vocabulary that :func:`fit_vocabulary` described."""
    state = json.loads(data)
    columns = {gram: column for column, gram in enumerate(state["grams"])}
    return Vocabulary(state["longest"], columns, np.asarray(state["idf"], dtype=np.float32))
