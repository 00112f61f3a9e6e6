"""Release policies: settings by name, checked before anything moves."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text
from tuneworks.core.types import Policy

LIMITS: Mapping[str, tuple[type, float, float]] = {
    "share": (float, 0.0, 1.0),
    "window": (int, 1, 100_000),
    "fewest": (int, 1, 100_000),
    "error_share": (float, 0.0, 1.0),
    "guard_minutes": (float, 0.0, 1e6),
    "shadow_answers": (int, 0, 1e9),
}
"""Setting -> its type, the least and the most it may be."""


def changed(policy: Policy, settings: Mapping[str, Any]) -> Policy:
    """The policy with some settings changed; raises ``InvalidConfig`` for one that is unknown or out of bounds.

    Numbers may come as texts, as the command line gives them.
    """
    made = replace(policy, **{name: _checked(name, value) for name, value in settings.items()})
    if made.fewest > made.window:
        raise InvalidConfig(
            Text(
                f"fewest ({made.fewest}) is more than the window holds ({made.window}).",
                f"fewest（{made.fewest}）超过了 window（{made.window}）。",
            ),
            Text("Make the window larger, or fewest smaller.", "请增大 window 或减小 fewest。"),
        )
    return made


def _checked(name: str, value: Any) -> Any:
    if name not in LIMITS:
        near = difflib.get_close_matches(name, LIMITS, n=1)
        listed = near[0] if near else ", ".join(LIMITS)
        raise InvalidConfig(
            Text(f"A release policy has no setting {name!r}.", f"发布策略没有设置项 {name!r}。"),
            Text(f"Did you mean: {listed}?", f"您是否想用：{listed}？"),
        )
    kind, least, most = LIMITS[name]
    if isinstance(value, str):
        with suppress(ValueError):
            value = kind(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not (whole or (kind is float and isinstance(value, float))) or not least <= value <= most:
        number, chinese = ("a whole number", "整数") if kind is int else ("a number", "数值")
        raise InvalidConfig(
            Text(
                f"{name} must be {number} from {least:g} to {most:g}, got {value!r}.",
                f"{name} 应为 {least:g} 至 {most:g} 的{chinese}，实为 {value!r}。",
            ),
            Text("Leave it out for the default.", "可省略以使用默认值。"),
        )
    return kind(value)
