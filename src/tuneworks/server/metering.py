"""What a request used, told by whoever answers it, counted by the guard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.types import Scope

from tuneworks.flows.usage import Spent, characters_in


def spend(scope: Scope, deployment: str, rows: Iterable[Any], *, tokens: int = 0) -> None:
    """Note the rows that a deployment answered for this request, and how many characters they held."""
    spent = scope.setdefault("state", {}).setdefault("spent", Spent())
    spent.deployment = deployment
    spent.tokens += tokens
    for row in rows:
        spent.rows += 1
        spent.characters += characters_in(row)
