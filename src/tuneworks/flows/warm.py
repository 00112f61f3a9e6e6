"""Open every deployment's champion before the first caller waits for it."""

from __future__ import annotations

from tuneworks.core.errors import TuneworksError
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment
from tuneworks.core.workspace import Workspace
from tuneworks.serving.engine import KEPT_MODELS, engine_of


def warm(workspace: Workspace, *, listener: Listener = silent) -> list[TuneworksError]:
    """Load the newest deployments' models; one that cannot be served is told of and returned, the others serve."""
    errors = []
    for deployment in workspace.store.find(Deployment, newest_first=True, limit=KEPT_MODELS):
        try:
            engine_of(workspace).model(deployment.champion)
        except TuneworksError as error:
            errors.append(error)
            tell(
                listener,
                "warning",
                Text(
                    f"{deployment.id} cannot be served: {error.problem.en} {error.fix.en}",
                    f"{deployment.id} 无法提供服务：{error.problem.zh}{error.fix.zh}",
                ),
            )
    return errors
