"""How the service stands now: what is served, what is in memory, what the detectors measured last."""

from __future__ import annotations

from dataclasses import dataclass

from tuneworks.core import registry
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, Signal
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import label_of
from tuneworks.serving.engine import engine_of


@dataclass(frozen=True)
class Standing:
    """``served``: deployment, version and role (champion or challenger). ``models``: how many are in memory."""

    served: tuple[tuple[str, str, str], ...]
    models: int
    model_bytes: int
    signals: tuple[Signal, ...]


@dataclass(frozen=True)
class Readiness:
    """Whether requests should come here, and if not why."""

    ready: bool
    reason: Text | None = None


def standing(workspace: Workspace) -> Standing:
    """What is served, loaded and measured."""
    deployments = workspace.store.find(Deployment)
    served = [
        (deployment.id, label_of(workspace, one.version_id), role)
        for deployment in deployments
        for role, one in (("champion", deployment.champion), ("challenger", deployment.challenger))
        if one is not None
    ]
    models, model_bytes = engine_of(workspace).holds()
    return Standing(tuple(served), models, model_bytes, tuple(_newest_signals(workspace, deployments)))


def readiness(workspace: Workspace, *, stopping: bool = False) -> Readiness:
    """Ready while the store answers and nobody told the server to stop; a model that is broken stops no other.

    Raises ``Unavailable`` where the store does not answer.
    """
    workspace.store.find(Deployment, limit=1)
    if stopping:
        return Readiness(False, Text("The server is stopping.", "服务正在停止。"))
    return Readiness(True)


def _newest_signals(workspace: Workspace, deployments: list[Deployment]) -> list[Signal]:
    """The last signal of every detector for every deployment."""
    found = []
    for deployment in deployments:
        for detector in registry.names("detectors"):
            found += workspace.store.find(
                Signal, deployment=deployment.id, detector=detector, newest_first=True, limit=1
            )
    return found
