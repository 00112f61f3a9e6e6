"""Spaces: the values of a setting that a search may try, as objects and in the words a user writes.

>>> space_from("recipe.learning_rate", "log(1e-5, 1e-3)")
Between(low=1e-05, high=0.001, log=True)
>>> str(Choice((None, "balanced")))
'one_of(null, "balanced")'
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text

WRITTEN = re.compile(r"\s*([a-z_]+)\s*\((.*)\)\s*", re.DOTALL)
FORMS = Text(
    "Write between(LOW, HIGH), log(LOW, HIGH) or one_of(VALUE, VALUE, ...), such as "
    "recipe.learning_rate=log(1e-5, 1e-3); values are JSON: texts in double quotes, true, false, null.",
    "请写 between(下限, 上限)、log(下限, 上限) 或 one_of(值, 值, ...)，"
    "例如 recipe.learning_rate=log(1e-5, 1e-3)；值采用 JSON 写法：文本加双引号，另有 true、false、null。",
)


@dataclass(frozen=True)
class Between:
    """Numbers from ``low`` to ``high``; ``log``: each order of magnitude is as likely as any other.

    Whole numbers alone are tried where the setting is one.
    """

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        return f"{'log' if self.log else 'between'}({self.low:g}, {self.high:g})"

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.low, self.high


@dataclass(frozen=True)
class Choice:
    """Some values, without order."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"one_of({', '.join(json.dumps(value, ensure_ascii=False) for value in self.values)})"

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.values


Space = Between | Choice


def spaces_from(given: Mapping[str, Any], prefix: str = "") -> dict[str, Space]:
    """Spaces by dotted setting, from a table of texts that may hold tables: TOML reads dotted keys as such."""
    made: dict[str, Space] = {}
    for name, value in given.items():
        key = f"{prefix}{name}"
        made |= spaces_from(value, f"{key}.") if isinstance(value, Mapping) else {key: space_from(key, value)}
    return made


def space_from(setting: str, written: Any) -> Space:
    """The space a user wrote for a setting; raises ``InvalidConfig`` that says how one is written."""
    found = WRITTEN.fullmatch(written) if isinstance(written, str) else None
    maker = MAKERS.get(found[1]) if found else None
    values = _values(found[2]) if found else None
    made = maker(values) if maker and values else None
    if made is None:
        raise InvalidConfig(
            Text(
                f"search.space: {setting} has no space of values that could be read: {written!r}.",
                f"search.space：{setting} 的取值空间无法识别：{written!r}。",
            ),
            FORMS,
        )
    return made


def _values(written: str) -> list[Any] | None:
    try:
        values = json.loads(f"[{written}]")
    except json.JSONDecodeError:
        return None
    return list(values)


def _between(values: Sequence[Any], *, log: bool = False) -> Between | None:
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(values) != 2 or len(numbers) != 2 or not all(map(math.isfinite, numbers)):
        return None
    low, high = numbers
    return Between(low, high, log) if low < high and (low > 0 or not log) else None


def _log(values: Sequence[Any]) -> Between | None:
    return _between(values, log=True)


def _choice(values: Sequence[Any]) -> Choice | None:
    different = {json.dumps(value, sort_keys=True) for value in values}
    return Choice(tuple(values)) if len(different) == len(values) > 1 else None


MAKERS = {"between": _between, "log": _log, "one_of": _choice}
