"""Several labels in one cell: lists as they are, or texts in which a separator stands between the labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tuneworks.statistics.values import label

SEPARATORS = (";；", "|｜", "、", ",，")


def separators_of(values: Sequence[Any]) -> str:
    """What separates the labels of a column's texts: the first of ``; | 、 ,`` that occurs, whatever its width.

    >>> separators_of(["loans; cards", "fees, all; cards"]), separators_of(["loans"])
    (';；', '')
    """
    texts = [value for value in values if isinstance(value, str) and not value.lstrip().startswith("[")]
    return next((pair for pair in SEPARATORS if any(mark in text for text in texts for mark in pair)), "")


def labels_of(value: Any, separators: str) -> list[str] | None:
    """The labels of one cell, each once, in alphabetical order; ``None`` where it holds no list of labels.

    >>> labels_of("loans；cards; loans", ";；"), labels_of('["cards"]', ""), labels_of([], ""), labels_of([["a"]], "")
    (['cards', 'loans'], ['cards'], [], None)
    """
    items = _items(value, separators)
    if items is None or any(item is None or isinstance(item, (list, tuple, Mapping)) for item in items):
        return None
    return sorted({name for item in items if (name := label(item))})


def _items(value: Any, separators: str) -> Sequence[Any] | None:
    if isinstance(value, (list, tuple)):
        return value
    if not isinstance(value, str):
        return None if isinstance(value, Mapping) else [value]
    if value.lstrip().startswith("["):
        return _parsed(value)
    for mark in separators:
        value = value.replace(mark, "\n")
    return value.split("\n")


def _parsed(text: str) -> list[Any] | None:
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, list) else None
