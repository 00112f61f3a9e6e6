"""Settings as TOML text.

>>> print(to_toml({"name": "tickets", "recipe": {"epochs": 3, "options": {"dropout": 0.1}}}), end="")
name = "tickets"
<BLANKLINE>
[recipe]
epochs = 3
<BLANKLINE>
[recipe.options]
dropout = 0.1
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(settings: Mapping[str, Any]) -> str:
    """Plain settings as TOML; what is ``None`` is left out, and so are empty tables."""
    return "\n".join(_lines(settings, "")).lstrip("\n") + "\n"


def _lines(table: Mapping[str, Any], name: str) -> Iterator[str]:
    values = {key: value for key, value in table.items() if value is not None and not isinstance(value, Mapping)}
    if name and values:
        yield f"\n[{name}]"
    for key, value in values.items():
        yield f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{name}.{_key(key)}" if name else _key(key))


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
