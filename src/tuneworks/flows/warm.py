"""Open what every deployment serves and tries before the first caller waits for it."""

from __future__ import annotations

from tuneworks.core.errors import TuneworksError
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment
from tuneworks.core.workspace import Workspace
from tuneworks.flows.guard import able
from tuneworks.serving.engine import engine_of


def warm(workspace: Workspace, *, listener: Listener = silent) -> list[TuneworksError]:
    """Load the newest deployments' models, as many as there is room for in memory.

    A champion that does not load gives way to the one before it, a challenger is tried no longer. A deployment that
    cannot be served is told of and returned, the others serve.
    """
    errors = []
    engine = engine_of(workspace)
    for deployment in workspace.store.find(Deployment, newest_first=True):
        if not engine.has_room:
            break
        try:
            able(workspace, deployment, deployment.champion)
            if deployment.challenger is not None:
                able(workspace, deployment, deployment.challenger)
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
