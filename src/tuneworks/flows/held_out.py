"""A version's held-out rows, and scores on them through the version's own runtime."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.contracts import Examples, Model, Runtime
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse, ModelVersion, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.plan_run import Plan, plan_run
from tuneworks.serving.loaded import runtime_of
from tuneworks.statistics.feature_cache import cached
from tuneworks.statistics.score_arrays import join

ROWS_AT_ONCE = 1024


def plan_of(workspace: Workspace, version: ModelVersion, dataset: str | None = None) -> Plan:
    """The rows of a dataset (default: the version's own) as the version's spec sees them."""
    config = RunConfig(version.name, dataset or version.dataset_id, version.spec, version.recipe)
    return plan_run(workspace, config)


def runtime_for(uses: Sequence[BaseUse]) -> Runtime:
    """The runtime that runs bases as they are."""
    made: Runtime = registry.load("runtimes", runtime_of(uses))()
    return made


def run(model: Model, examples: Examples, cache: Path, listener: Listener = silent) -> Any:
    """Score arrays of all examples, in chunks, telling the listener how far it is; features are kept in the cache."""
    model = cached(model, cache)
    runtime = runtime_for([use for use, _ in model.bases])
    parts = []
    for begin in range(0, len(examples), ROWS_AT_ONCE):
        chunk = examples.take(range(begin, min(begin + ROWS_AT_ONCE, len(examples))))
        parts.append(runtime.run(model, chunk))
        advance(listener, Text("answering held-out rows", "回答留出数据"), begin + len(chunk), len(examples))
    return join(parts)


def relabelled(plan: Plan, labels: Sequence[str]) -> Examples:
    """The plan's test examples as a model with other labels sees them: labels it does not know are -1."""
    spec = replace(plan.data.spec, labels=tuple(labels))
    return plan.data.task.examples(spec, plan.data.test.rows)


def history_of(workspace: Workspace, version: ModelVersion) -> list[dict[str, Any]]:
    """The training steps of a version, as stored."""
    blob = version.parts.get("history.jsonl")
    return [json.loads(line) for line in workspace.blobs.read(blob).splitlines()] if blob else []
