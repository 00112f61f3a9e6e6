"""Give a deployment its previous champion back."""

from __future__ import annotations

from dataclasses import replace

from tuneworks.core.clock import now
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import deployment_of
from tuneworks.serving.engine import engine_of


def rollback(deployment: str, *, workspace: Workspace | None = None) -> Deployment:
    """The deployment with its last previous champion in charge again; the one that failed stays as a version."""
    workspace = workspace or Workspace.open()
    revision = workspace.store.revision(Deployment, deployment)
    present = deployment_of(workspace, deployment)
    if not present.previous:
        raise InvalidInput(
            Text(
                f"The deployment {deployment!r} keeps no earlier champion; there is nothing to go back to.",
                f"部署 {deployment!r} 没有保留更早的冠军版本，无法回退。",
            ),
            Text(
                f"Choose a version yourself: tuneworks promote {deployment} NAME@NUMBER",
                f"请自行指定版本：tuneworks promote {deployment} 名称@编号",
            ),
        )
    *earlier, restored = present.previous
    engine_of(workspace).reopen(restored)
    moved = replace(present, champion=restored, previous=tuple(earlier), moved=now())
    workspace.store.put(moved, expect={present.id: revision})
    return moved
