"""How a deployment is asked: its champion, what it reads and what it answers."""

from __future__ import annotations

from tuneworks.core.errors import NotFound
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import deployment_of, version_of
from tuneworks.serving.engine import engine_of


def interface_of(deployment: str, number: str | None = None, *, workspace: Workspace) -> ModelVersion:
    """The champion of a deployment; ``NotFound`` where it is not the version of that number."""
    found = deployment_of(workspace, deployment)
    version = version_of(workspace, found.champion.version_id)
    if number is None or number == str(version.number):
        return version
    raise NotFound(
        Text(
            f"The deployment {deployment!r} does not serve version {number!r}.",
            f"部署 {deployment!r} 没有提供版本 {number!r}。",
        ),
        Text(
            f"It serves version {version.number}; leave the version out to ask whatever is served.",
            f"当前提供的是版本 {version.number}；省略版本号即可使用当前版本。",
        ),
    )


def must_answer(deployment: str, number: str | None = None, *, workspace: Workspace) -> ModelVersion:
    """The champion, opened and its seal checked; raises what keeps it from answering."""
    version = interface_of(deployment, number, workspace=workspace)
    engine_of(workspace).model(deployment_of(workspace, deployment).champion)
    return version
