"""Character n-grams: vocabulary and TF-IDF weights, the same for every language."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer


def normalised(text: str) -> str:
    """NFKC, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def fit_vocabulary(texts: Sequence[str], *, longest: int, smallest_count: int, most: int) -> bytes:
    """The n-grams worth counting and their inverse document frequencies, as JSON."""
    vectoriser = _vectoriser(longest, smallest_count, most)
    try:
        vectoriser.fit(texts)
    except ValueError:
        vectoriser = _vectoriser(longest, 1, most)
        vectoriser.fit([*texts, "a"])
    grams = sorted(vectoriser.vocabulary_, key=vectoriser.vocabulary_.__getitem__)
    state = {"longest": longest, "grams": grams, "idf": [round(float(v), 6) for v in vectoriser.idf_]}
    return json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()


def load_vocabulary(data: bytes) -> TfidfVectorizer:
    """The vectoriser that :func:`fit_vocabulary` described."""
    state = json.loads(data)
    vectoriser = _vectoriser(state["longest"], 1, None, vocabulary={gram: i for i, gram in enumerate(state["grams"])})
    vectoriser.idf_ = np.asarray(state["idf"], dtype=np.float64)
    return vectoriser


def _vectoriser(longest: int, smallest_count: int, most: int | None, vocabulary: Any = None) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(1, longest),
        min_df=smallest_count,
        max_features=most,
        sublinear_tf=True,
        preprocessor=normalised,
        vocabulary=vocabulary,
        dtype=np.float32,
    )
