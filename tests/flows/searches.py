"""Rows to search on, and a search that takes a moment."""

from __future__ import annotations

from typing import Any

from tuneworks.core.workspace import Workspace
from tuneworks.flows.search import SearchResult, search
from tuneworks.testing.workspaces import NAME, sample_rows

STRENGTHS = "recipe.options.strengths"


def with_splits() -> list[dict[str, Any]]:
    """Sample rows, hard to tell apart at first, each with its split."""
    sides = ("train", "train", "train", "validation", "test")
    return [{**row, "split": sides[number % 5]} for number, row in enumerate(sample_rows(120))]


def quick(workspace: Workspace, **asked: Any) -> SearchResult:
    """A search for the strength of a linear model of n-grams."""
    space = {STRENGTHS: "one_of([1e-4], [1e-3], [1], [30])"}
    words = {"target": "topic", "base": "ngrams", "method": "head", "space": space, "workers": 0}
    return search(NAME, workspace=workspace, **{**words, **asked})
