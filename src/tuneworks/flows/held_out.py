"""A version's held-out rows, and scores on them through the version's own runtime."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.asking import Examples, Row
from tuneworks.core.contracts import Model, Runtime
from tuneworks.core.errors import UnsuitableData
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse, Dataset, ModelVersion, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.fitting import Data, Fitted
from tuneworks.flows.plan_run import Plan, labelled, plan_run
from tuneworks.flows.references import dataset_of
from tuneworks.flows.rows import read_rows
from tuneworks.serving.loaded import runtime_of
from tuneworks.statistics import splits
from tuneworks.statistics.feature_cache import cached
from tuneworks.statistics.intervals import interval
from tuneworks.statistics.score_arrays import join

ROWS_AT_ONCE = 1024


def plan_of(workspace: Workspace, version: ModelVersion, dataset: str | None = None) -> Plan:
    """What the version learnt from, and the rows to test it on: its own test rows, or those of another dataset."""
    own = plan_run(workspace, RunConfig(version.name, version.dataset_id, version.spec, version.recipe))
    other = dataset_of(workspace, dataset) if dataset else own.dataset
    return own if other.id == own.dataset.id else _tested_on(own, other, dataset or "", read_rows(workspace, other))


def _tested_on(own: Plan, dataset: Dataset, name: str, rows: Sequence[Row]) -> Plan:
    """The plan with the test rows of another dataset, with all its rows where it has none."""
    task, spec = own.data.task, own.data.spec
    task.complete(spec, dataset.columns, rows)
    sides = splits.sides_to_score(dataset.columns, rows, spec)
    arranged = list(task.arrange(spec, rows, sides))
    usable = labelled([row for row, _ in arranged], spec)
    chosen = labelled([row for row, side in arranged if side == "test"], spec)
    if not usable:
        raise UnsuitableData(
            Text(
                f"No row of {name} has a {spec.target} to score against.", f"{name} 中没有任何一行带有 {spec.target}。"
            ),
            Text("Add labelled rows.", "请添加已标注的数据。"),
        )
    data = replace(own.data, test=task.examples(spec, chosen or usable))
    return replace(own, dataset=dataset, data=data, scored=_scored(name, len(chosen), len(usable)))


def _scored(name: str, chosen: int, usable: int) -> Text:
    if chosen:
        return Text(f"Scored on the {chosen} test rows of {name}.", f"在 {name} 的 {chosen} 行测试数据上评分。")
    return Text(
        f"Scored on all {usable} labelled rows of {name}, none of which is a test row: the model may have learnt from "
        "some of them.",
        f"在 {name} 的全部 {usable} 行已标注数据上评分，其中没有测试行：模型可能学习过其中的一些行。",
    )


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


def validated(fitted: Fitted, data: Data, cache: Path, listener: Listener = silent) -> Fitted:
    """A fitted model with its measure on validation rows, taken now where its method chose nothing by them."""
    if fitted.validation is not None:
        return fitted
    scores = run(fitted.open(data.spec), data.validation, cache, listener)
    tally = data.task.tally(data.spec, scores, data.validation)[data.spec.metric or ""]
    return replace(fitted, validation=interval(tally), less_is_better=tally.less_is_better)


def relabelled(plan: Plan, labels: Sequence[str]) -> Examples:
    """The plan's test examples as a model with other labels sees them: labels it does not know are -1."""
    spec = replace(plan.data.spec, labels=tuple(labels))
    return plan.data.task.examples(spec, plan.data.test.rows)


def history_of(workspace: Workspace, version: ModelVersion) -> list[dict[str, Any]]:
    """The training steps of a version, as stored."""
    blob = version.parts.get("history.jsonl")
    return [json.loads(line) for line in workspace.blobs.read(blob).splitlines()] if blob else []
