"""Serve a version under a name: sealed folder first, then one atomic move of the deployment."""

from __future__ import annotations

from dataclasses import replace

from tuneworks.core import registry
from tuneworks.core.clock import now
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, ModelVersion, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.names import DEPLOYMENT, must_be_name
from tuneworks.flows.references import version_of
from tuneworks.serving.engine import engine_of
from tuneworks.serving.loaded import runtime_of, runtimes_asked

KEPT_PREVIOUS = 20


def deploy(
    version: str,
    *,
    name: str | None = None,
    runtime: str | None = None,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> Deployment:
    """Make the version the champion of the deployment ``name`` (default: the model's name), or move nothing."""
    workspace = workspace or Workspace.open()
    chosen = version_of(workspace, version)
    under = must_be_name(name or chosen.name, DEPLOYMENT)
    tell(listener, "seal", Text(f"Checking the seal of {chosen.label}", f"正在校验 {chosen.label} 的封存"))
    served = prepare(workspace, chosen, runtime)
    deployment = crown(workspace, under, served)
    tell(
        listener, "deployed", Text(f"{deployment.id} serves {chosen.label}", f"{deployment.id} 正在提供 {chosen.label}")
    )
    return deployment


def prepare(workspace: Workspace, version: ModelVersion, runtime: str | None = None) -> Served:
    """The version compiled for its runtime, its seal checked by running it."""
    chosen = runtime or runtime_of(version.bases)
    _fits(version, chosen)
    return engine_of(workspace).prepare(version, chosen)


def crown(workspace: Workspace, name: str, served: Served) -> Deployment:
    """Move the deployment to ``served``, keeping its old champion; ``Conflict`` when another did so meanwhile."""
    revision = workspace.store.revision(Deployment, name)
    present = workspace.store.get(Deployment, name)
    if present is not None and present.champion == served:
        return present
    if present is None:
        moved = Deployment(name, served, moved=now())
    else:
        previous = (*present.previous, present.champion)[-KEPT_PREVIOUS:]
        moved = replace(present, champion=served, previous=previous, moved=now())
    workspace.store.put(moved, expect={name: revision})
    return moved


def _fits(version: ModelVersion, runtime: str) -> None:
    if runtimes_asked(version.bases) <= set(registry.load("runtimes", runtime).runs):
        return
    own = runtime_of(version.bases)
    raise InvalidConfig(
        Text(
            f"The runtime {runtime!r} cannot run the bases of {version.label}.",
            f"运行时 {runtime!r} 无法运行 {version.label} 的基座模型。",
        ),
        Text(f"Leave the runtime out, or use {own!r}.", f"请省略运行时，或使用 {own!r}。"),
    )
