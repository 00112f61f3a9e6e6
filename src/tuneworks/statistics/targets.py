"""What a target value says, whatever its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


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
