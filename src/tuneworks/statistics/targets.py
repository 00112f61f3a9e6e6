"""What a target value says, whatever its kind."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from tuneworks.core.types import TaskSpec
from tuneworks.statistics.values import number


def labels_in(value: Any) -> list[str]:
    """The labels of a target: of its spans, or itself; none where it is missing."""
    if value is None or value == "":
        return []
    if isinstance(value, (list, tuple)):
        return [str(item["label"]) if isinstance(item, Mapping) else str(item) for item in value]
    return [str(value)]


def same_target(value: Any) -> str:
    """A text that is equal for equal targets."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def capped(value: Any, spec: TaskSpec) -> float:
    """A target as a number, no larger than the task's ``cap``; not a number where it is missing or none."""
    found = None if value is None else number(value)
    cap = spec.options.get("cap")
    return math.nan if found is None else float(found) if cap is None else min(float(found), float(cap))
