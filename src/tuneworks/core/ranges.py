"""Which values a setting may have, said once in both languages.

>>> str(Range(least=0, below=1).expected.en), Range(least=0, below=1).holds(1.0)
('at least 0 and below 1', False)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text, plain


@dataclass(frozen=True)
class Range:
    """Finite numbers between bounds, which ``least`` and ``most`` belong to."""

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def holds(self, value: Any) -> bool:
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )

    @property
    def expected(self) -> Text:
        bounds = (
            (Text("at least", "不小于"), self.least),
            (Text("above", "大于"), self.above),
            (Text("at most", "不大于"), self.most),
            (Text("below", "小于"), self.below),
        )
        said = [Text(f"{word.en} {bound}", f"{word.zh} {bound}") for word, bound in bounds if bound is not None]
        return Text(" and ".join(text.en for text in said), "应" + " 且".join(text.zh for text in said))


@dataclass(frozen=True)
class OneOf:
    """One of some words."""

    words: tuple[str, ...]

    def holds(self, value: Any) -> bool:
        return value in self.words

    @property
    def expected(self) -> Text:
        return Text(f"one of {', '.join(self.words)}", f"应为 {'、'.join(self.words)} 之一")


def check_values(settings: Any, allowed: Mapping[str, Range | OneOf], prefix: str, where: Text | None = None) -> None:
    """Raise ``InvalidConfig`` for the first field that is out of its range; ``None`` is left open, lists hold values.

    ``prefix`` stands before the field's name; ``where`` is the place that errors name.
    """
    place = where or plain("")
    for name, rule in allowed.items():
        value = getattr(settings, name)
        listed = isinstance(value, (list, tuple))
        if value is None or (value and all(map(rule.holds, value)) if listed else rule.holds(value)):
            continue
        shown = list(value) if listed else value
        raise InvalidConfig(
            Text(
                f"{prefix}{name}{place.en} must be {rule.expected.en}; received {shown}.",
                f"{prefix}{name}{place.zh} {rule.expected.zh}，实际为 {shown}。",
            ),
            Text("Correct the value, or leave the setting out.", "请修改该值，或省略此项。"),
        )
