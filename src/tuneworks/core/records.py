"""Dataclasses to plain JSON values and back, with the standard library alone.

>>> from tuneworks.core.types import Score
>>> from_plain(Score, to_plain(Score(0.9, 0.88, 0.92)))
Score(value=0.9, low=0.88, high=0.92)
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(value: Any) -> str:
    """Compact JSON text of a record, keys in field order, Chinese left readable."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_shallow)


def from_json(kind: type[T], text: str | bytes) -> T:
    """A record of ``kind`` from its JSON text."""
    return from_plain(kind, json.loads(text))


def to_plain(value: Any) -> Any:
    """Dataclasses, mappings and sequences as dicts, lists and scalars."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: Any, value: Any) -> Any:
    """The inverse of :func:`to_plain` for a type as annotated in ``core.types``; unknown keys are ignored."""
    if value is None or kind is Any:
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return from_plain(_member(arguments, value), value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: from_plain(hints[name], item) for name, item in value.items() if name in hints})
    if origin is tuple:
        return tuple(from_plain(arguments[0], item) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return {key: from_plain(arguments[1], item) for key, item in value.items()}
    if origin is not None and issubclass(origin, Sequence):
        return [from_plain(arguments[0], item) for item in value]
    return float(value) if kind is float else value


def _shallow(value: Any) -> dict[str, Any]:
    """A dataclass or a mapping as a dict; what it holds is not looked at."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a value that JSON can hold")


def _member(members: tuple[Any, ...], value: Any) -> Any:
    """Which member of a union a plain value belongs to: by its ``kind`` field, by being a mapping, else a scalar."""
    members = tuple(m for m in members if m is not type(None))
    if isinstance(value, Mapping):
        classes = [m for m in members if is_dataclass(m)]
        named = [m for m in classes if _kind(m) == value.get("kind")]
        mappings = [m for m in members if get_origin(m) is not None and issubclass(get_origin(m), Mapping)]
        return (named + classes + mappings)[0]
    scalars = [m for m in members if not is_dataclass(m) and get_origin(m) is None]
    return (scalars + list(members))[0]


def _kind(record: Any) -> Any:
    return next((f.default for f in fields(record) if f.name == "kind"), None)


@cache
def _hints(record: type) -> dict[str, Any]:
    return get_type_hints(record)
