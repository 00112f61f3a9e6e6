"""Take a deployment's last release back: the challenger it tries, else its champion."""

from __future__ import annotations

from tuneworks.core.errors import Conflict, InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment
from tuneworks.core.workspace import Workspace
from tuneworks.flows.moves import without
from tuneworks.flows.references import deployment_of
from tuneworks.serving.engine import engine_of


def rollback(deployment: str, *, workspace: Workspace | None = None) -> Deployment:
    """The deployment as it was before its last release; what is taken back stays as a version.

    Where it tries a challenger, that is tried no longer; else its last previous champion is in charge again.
    """
    workspace = workspace or Workspace.open()
    present = deployment_of(workspace, deployment)
    if present.challenger is not None:
        return _moved(present, without(workspace, present.id, present.challenger))
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
    engine, restored = engine_of(workspace), present.previous[-1]
    engine.verify(restored)
    moved = _moved(present, without(workspace, present.id, present.champion))
    if engine.is_open(present.champion):  # this process answers: the first caller need not wait
        engine.model(restored)
    return moved


def _moved(before: Deployment, after: Deployment | None) -> Deployment:
    """What came of it; ``Conflict`` where somebody else was first."""
    if after is not None and after.moved != before.moved:
        return after
    raise Conflict(
        Text(
            f"The deployment {before.id!r} was changed by somebody else meanwhile.",
            f"部署 {before.id!r} 已被他人更改。",
        ),
        Text("Look at what is served now, then try again.", "请查看当前提供的版本后重试。"),
    )
