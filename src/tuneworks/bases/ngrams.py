"""Character n-grams with TF-IDF weights: no pretrained weights, every language, hard to beat in Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.files import sha256_of_bytes
from tuneworks.core.text import Text
from tuneworks.core.types import Pair
from tuneworks.language import ngrams
from tuneworks.language.agreement import agreement
from tuneworks.statistics.features import Block

FILE = "ngrams.json"
LONGEST = 4
MOST = 100_000
CONTEXT = 12


class Ngrams(Base):
    """N-grams of one to four characters that occur at least twice in the training rows."""

    runtime = "arrays"

    def accepts(self, address: str, column_kind: str) -> bool:
        return address == "ngrams" and column_kind in ("text", "category")

    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        state = ngrams.fit_vocabulary([str(v or "") for v in values], longest=LONGEST, smallest_count=2, most=MOST)
        return {FILE: state}

    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        return LoadedNgrams(files[FILE].read_bytes())


class LoadedNgrams(LoadedBase):
    """A fitted n-gram vocabulary; a unit's features are those of the characters in and around it, none if it is empty.

    Units of a pair are seen by how they agree with its first text instead.
    """

    def __init__(self, state: bytes) -> None:
        self.fingerprint = f"ngrams-{sha256_of_bytes(state)[:16]}"
        self._vocabulary = ngrams.load_vocabulary(state)

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Block:
        texts = [str(value or "") for value in values]
        if units is not None and any(isinstance(value, Pair) for value in values):
            made: Block = np.concatenate([agreement(pair, spans) for pair, spans in zip(values, units, strict=True)])
        elif units is None:
            made = self._vocabulary.transform(texts)
        else:
            places = [(text, a, b) for text, spans in zip(texts, units, strict=True) for a, b in spans]
            inside = self._vocabulary.transform([text[a:b] for text, a, b in places])
            around = self._vocabulary.transform(
                [text[max(0, a - CONTEXT) : b + CONTEXT] if a < b else "" for text, a, b in places]
            )
            made = sparse.hstack([inside, around]).tocsr()
        advance(listener, Text("n-gram features", "n 元特征"), len(texts), len(texts))
        return made

    def origins(self, value: Any) -> Sequence[tuple[int, tuple[int, int]]]:
        return self._vocabulary.places(str(value or ""))
