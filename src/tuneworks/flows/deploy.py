"""Serve a version under a name: sealed folder first, then one atomic move of the deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, Policy
from tuneworks.core.workspace import Workspace
from tuneworks.flows.choose_runtime import prepare
from tuneworks.flows.moves import TRIED, challenge, crown
from tuneworks.flows.names import DEPLOYMENT, must_be_name
from tuneworks.flows.policies import changed
from tuneworks.flows.questions import must_be_challengeable
from tuneworks.flows.references import version_of

MODES = ("champion", *TRIED)


def deploy(
    version: str,
    *,
    name: str | None = None,
    runtime: str | None = None,
    mode: str = "champion",
    policy: Mapping[str, Any] | None = None,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> Deployment:
    """Make the version the champion of the deployment ``name`` (default: the model's name), or move nothing.

    ``mode``: ``shadow`` or ``canary`` tries it beside the champion instead. ``policy``: settings of ``Policy`` to
    change, such as ``{"share": 0.05}``.
    """
    workspace = workspace or Workspace.open()
    chosen = version_of(workspace, version)
    under = must_be_name(name or chosen.name, DEPLOYMENT)
    present = workspace.store.get(Deployment, under)
    rules = changed(present.policy if present else Policy(), policy or {})
    if mode not in MODES:
        raise _no_mode(mode)
    if mode != "champion":
        present = must_be_challengeable(workspace, under, chosen)
    tell(listener, "seal", Text(f"Checking the seal of {chosen.label}", f"正在校验 {chosen.label} 的封存"))
    served = prepare(workspace, chosen, runtime, listener)
    if mode != "champion" and present:
        deployment = challenge(workspace, present, served, mode, rules)
        tell(listener, "deployed", Text(f"{under} tries {chosen.label}", f"{under} 正在试用 {chosen.label}"))
        return deployment
    deployment = crown(workspace, under, served, policy=rules)
    tell(listener, "deployed", Text(f"{under} serves {chosen.label}", f"{under} 正在提供 {chosen.label}"))
    return deployment


def _no_mode(mode: str) -> InvalidConfig:
    return InvalidConfig(
        Text(f"There is no mode {mode!r}.", f"没有名为 {mode!r} 的模式。"),
        Text(f"Choose one of: {', '.join(MODES)}", f"请选择：{'、'.join(MODES)}"),
    )
