"""Make a model version: plan it, queue a run, and have it done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tuneworks.core import lifecycle, registry
from tuneworks.core.config import with_settings
from tuneworks.core.events import Listener, silent
from tuneworks.core.types import ModelVersion, Recipe, RunConfig, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.making import MODEL_NAME
from tuneworks.flows.names import MODEL, must_be_name
from tuneworks.flows.plan_run import plan_run
from tuneworks.flows.references import version_of
from tuneworks.flows.work import do

RUNNER = "inline"


def tune(
    dataset: str | None = None,
    *,
    target: str | None = None,
    task: str | None = None,
    base: str | Mapping[str, Sequence[str]] | None = None,
    method: str | None = None,
    name: str | None = None,
    goal: float | None = None,
    budget: float | None = None,
    config: RunConfig | None = None,
    settings: Mapping[str, Any] | None = None,
    runner: str = RUNNER,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> ModelVersion:
    """Adapt a base model to a dataset and store the result as the name's next version.

    Where no method is named they are tried from cheap to dear, until one surely meets the ``goal`` or the ``budget``
    (minutes) is spent. Arguments override ``config``; ``settings`` are dotted keys such as ``{"recipe.epochs": 3}``.
    ``runner``: where the work is done: ``inline`` (here), ``process`` (in a process of its own), ``worker`` (whoever
    runs ``work``) or ``ray`` (on a Ray cluster).
    """
    workspace = workspace or Workspace.open()
    asked = asked_of(config or RunConfig(), dataset, target, task, base, method, name)
    asked = with_settings(asked, {**stated(goal=goal, budget=budget), **(settings or {})})
    must_be_name(asked.name or MODEL_NAME, MODEL)
    runs = registry.load("runners", runner)()
    plan = plan_run(workspace, asked, listener)
    complete = replace(plan.config, from_version=_pinned(workspace, asked.from_version))
    run = lifecycle.queue(workspace, complete, asked, reserved=not runs.shared)
    plan = replace(plan, config=complete)
    ended = runs.submit(workspace, run, partial(do, workspace, run, listener, plan=plan), listener)
    return version_of(workspace, ended.version_id or "")


def stated(**named: float | None) -> dict[str, Any]:
    """Of what could be said, what was."""
    return {name: value for name, value in named.items() if value is not None}


def _pinned(workspace: Workspace, reference: str | None) -> str | None:
    """The id of the version that is meant now, whatever the reference will mean later."""
    return None if reference is None else version_of(workspace, reference).id


def asked_of(
    config: RunConfig,
    dataset: str | None,
    target: str | None,
    task: str | None,
    base: str | Mapping[str, Sequence[str]] | None,
    method: str | None,
    name: str | None,
) -> RunConfig:
    """A configuration with what was named beside it put in."""
    spec: TaskSpec = replace(config.spec, target=target or config.spec.target, task=task or config.spec.task)
    chosen: Any = (
        base
        if base is None or isinstance(base, str)
        else {c: (a,) if isinstance(a, str) else tuple(a) for c, a in base.items()}
    )
    recipe: Recipe = replace(config.recipe, base=chosen or config.recipe.base, method=method or config.recipe.method)
    return replace(config, dataset=dataset or config.dataset, name=name or config.name, spec=spec, recipe=recipe)
