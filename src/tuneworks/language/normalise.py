"""When two texts count as the same: after NFKC, lower case and collapse of white space."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SEPARATOR = "\x1f"


def normalise(text: str) -> str:
    """The text in the form that is compared.

    >>> normalise("  Ｈello \\n WORLD ")
    'hello world'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.lower().split())


def content_key(values: Sequence[str]) -> bytes:
    """SHA-256 of values in compared form; the separator is white space, so no value can hold it."""
    return hashlib.sha256(SEPARATOR.join(map(normalise, values)).encode("utf-8", "surrogatepass")).digest()


def row_key(row: Mapping[str, Any], columns: Iterable[str]) -> bytes:
    """The content key of a row's columns; a missing value counts as an empty text."""
    return content_key(["" if (value := row.get(column)) is None else str(value) for column in columns])
