"""Which settings a run would use, and for each whether it is a default, derived from the data, or the user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tuneworks.core.config import flat, with_settings
from tuneworks.core.types import RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.plan_run import complete_config, defaults_of


@dataclass(frozen=True)
class Explained:
    """One setting with its value; ``source`` is default, derived or user."""

    key: str
    value: Any
    source: str


def explain_config(
    dataset: str | None = None,
    *,
    config: RunConfig | None = None,
    settings: Mapping[str, Any] | None = None,
    workspace: Workspace | None = None,
) -> list[Explained]:
    """Every setting of the run that these words would start; nothing is tuned."""
    given = with_settings(config, settings)
    if dataset is not None:
        given = replace(given, dataset=dataset)
    used = given
    if given.dataset is not None:
        used = complete_config(workspace or Workspace.open(), given)
    return explained(given, used)


def explained(given: RunConfig, used: RunConfig) -> list[Explained]:
    """Settings told apart: what the user changed, what the data changed, what is as it always is."""
    untouched, defaults = flat(RunConfig()), flat(defaults_of(used))
    named = {key for key, value in flat(given).items() if value != untouched.get(key)}
    return [
        Explained(key, value, "user" if key in named else "default" if value == defaults.get(key) else "derived")
        for key, value in flat(used).items()
    ]
