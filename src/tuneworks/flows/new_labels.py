"""Labels in a truth that the model has never seen: news, or a slip of the keyboard."""

from __future__ import annotations

import difflib
from collections.abc import Sequence, Set

from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion

NEAR = 0.5
KEPT = Text(
    "It is kept as given; if it was a slip, send the feedback again: the latest counts.",
    "已按原样记录；如系笔误，请重新发送，以最后一次反馈为准。",
)


def new_labels(version: ModelVersion, given: Set[str]) -> Text | None:
    """Which of the labels of a truth are new to the version, and which known ones may be meant; ``None``: all known."""
    if not version.spec.labels:
        return None
    new = sorted(given - set(version.spec.labels))
    if not new:
        return None
    told = [_told(label, version) for label in new]
    return Text(
        " ".join([*(one.en for one in told), KEPT.en]),
        "".join([*(one.zh for one in told), KEPT.zh]),
    )


def _told(label: str, version: ModelVersion) -> Text:
    near = nearest(label, version.spec.labels)
    return Text(
        f"The label {label!r} is new to {version.label}." + (f" Did you mean {near!r}?" if near else ""),
        f"标签 {label!r} 是 {version.label} 未见过的新标签。" + (f"您是想用 {near!r} 吗？" if near else ""),
    )


def nearest(label: str, known: Sequence[str]) -> str | None:
    """The known label most like this one, whatever its case; ``None`` where none is near.

    >>> nearest("Sprots", ["sports", "politics"])
    'sports'
    """
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(label.casefold(), folded, n=1, cutoff=NEAR)
    return folded[near[0]] if near else None
