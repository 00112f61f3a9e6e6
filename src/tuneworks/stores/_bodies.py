"""Records as the JSON that is stored, written much sooner than by ``to_json``: predictions come by the thousand.

Some numbers are in other letters (1e-7 for 1e-07); what msgspec cannot write, or would write as nothing, the standard
library does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import is_dataclass
from math import isfinite
from typing import Any

import msgspec

from tuneworks.core.records import to_json


def body_of(record: Any) -> str:
    """The values that ``to_json`` writes, as compact JSON."""
    try:
        return ENCODE(record).decode() if _is_finite(record) else to_json(record)
    except (TypeError, UnicodeEncodeError):
        return to_json(record)


def _is_finite(value: Any) -> bool:
    """Whether all numbers in a value are some that JSON has."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Mapping):
        return _all_finite(value.values())
    if isinstance(value, (list, tuple)):
        return _all_finite(value)
    return not is_dataclass(value) or all(_is_finite(getattr(value, name)) for name in value.__dataclass_fields__)


def _all_finite(values: Collection[Any]) -> bool:
    """Of numbers alone their sum says it; one that is too large says no, which is safe."""
    try:
        return isfinite(sum(values))
    except OverflowError:
        return False
    except TypeError:
        return all(map(_is_finite, values))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a value that JSON can hold")


ENCODE = msgspec.json.Encoder(enc_hook=_plain).encode
