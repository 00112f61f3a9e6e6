"""``NAME=VALUE`` words of the command line."""

from __future__ import annotations

from collections.abc import Iterable

from tuneworks.cli.misuse import Misuse
from tuneworks.core.text import Text


def pairs(words: Iterable[str]) -> dict[str, str]:
    """The words as a mapping."""
    found = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not (name and sign and value):
            raise Misuse(Text(f"Expected NAME=VALUE; received {word!r}.", f"应为“名称=值”，实际为 {word!r}。"))
        found[name] = value
    return found
