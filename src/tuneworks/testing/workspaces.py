"""Small real workspaces: a sample dataset, tuned on n-grams and deployed, in a few seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.types import ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.tune import tune

NAME = "tickets"


def sample_rows(rows: int = 400, seed: int = 0) -> list[dict[str, Any]]:
    """Labelled rows with the columns ``text`` and ``topic`` (delivery or payment), English and Chinese."""
    _, made = registry.load("tasks", "text-classification")().sample(rows, seed)
    return [dict(row) for row in made]


def tuned_workspace(folder: Path, rows: int = 400) -> Workspace:
    """A workspace that holds the dataset ``tickets`` and the version ``tickets@1``."""
    workspace = Workspace.open(folder)
    add(sample_rows(rows), name=NAME, workspace=workspace)
    tune_again(workspace)
    return workspace


def tune_again(workspace: Workspace, **asked: Any) -> ModelVersion:
    """The next version of ``tickets``."""
    return tune(NAME, target="topic", base="ngrams", workspace=workspace, **asked)


def deployed_workspace(folder: Path, rows: int = 400) -> Workspace:
    """A workspace whose deployment ``tickets`` serves ``tickets@1``."""
    workspace = tuned_workspace(folder, rows)
    deploy(NAME, workspace=workspace)
    return workspace
