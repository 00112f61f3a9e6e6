"""Make another version the champion of a deployment that exists: one that is named, or the one that is tried."""

from __future__ import annotations

from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.choose_runtime import prepare
from tuneworks.flows.moves import crown
from tuneworks.flows.questions import must_replace
from tuneworks.flows.references import deployment_of, version_of
from tuneworks.serving.engine import engine_of


def promote(deployment: str, version: str | None = None, *, workspace: Workspace | None = None) -> Deployment:
    """The deployment with ``version`` (default: its challenger) as its champion; seal checked first.

    The old champion is kept for ``rollback``; nobody else is tried any longer.
    """
    workspace = workspace or Workspace.open()
    present = deployment_of(workspace, deployment)
    if version is None:
        challenger = _tried(present)
        engine_of(workspace).reopen(challenger)
        return crown(workspace, present.id, challenger, kind="promoted")
    chosen = version_of(workspace, version)
    must_replace(workspace, present, chosen)
    return crown(workspace, present.id, prepare(workspace, chosen), kind="promoted")


def _tried(deployment: Deployment) -> Served:
    if deployment.challenger is not None:
        return deployment.challenger
    name = deployment.id
    raise InvalidInput(
        Text(f"The deployment {name!r} tries no challenger.", f"部署 {name!r} 没有正在试用的挑战者。"),
        Text(
            f"Name a version: tuneworks promote {name} NAME@NUMBER. Or try one first: "
            f"tuneworks deploy NAME@NUMBER --name {name} --mode shadow",
            f"请指定版本：tuneworks promote {name} 名称@编号；或先试用："
            f"tuneworks deploy 名称@编号 --name {name} --mode shadow",
        ),
    )
