"""Find what is wrong with a dataset before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tuneworks.core import registry
from tuneworks.core.asking import Finder, Row, Task
from tuneworks.core.errors import UnsuitableData
from tuneworks.core.evaluation import Finding, Table
from tuneworks.core.events import Listener, counted, silent
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Dataset, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.plan_run import split_rows, task_of
from tuneworks.flows.references import dataset_of
from tuneworks.flows.rows import read_rows
from tuneworks.flows.truncation import cut_by_model
from tuneworks.statistics import splits
from tuneworks.statistics.targets import labels_in

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class CheckResult:
    """What was found, worst first, with the tables that go with it."""

    dataset: Dataset
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    report: Path | None = None


def check(
    dataset: str,
    *,
    target: str | None = None,
    task: str | None = None,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> CheckResult:
    """Run every finder on a dataset's rows."""
    if workspace is None:
        with Workspace.open() as opened:
            return check(dataset, target=target, task=task, workspace=opened, listener=listener)
    found = dataset_of(workspace, dataset)
    rows = read_rows(workspace, found)
    asked = TaskSpec(task=task, target=target)
    spec, refusals = _completed(task_of(asked, found.columns), asked, found.columns, rows)
    sides = splits.assign(rows, spec)
    cut = cut_by_model(rows, spec, cache=workspace.cache, listener=listener)
    findings = sorted([*refusals, *_findings(rows, spec, sides, listener), *cut], key=_rank)
    return CheckResult(found, tuple(findings), tuple(f.table for f in findings if f.table is not None))


def _completed(
    task: Task, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]
) -> tuple[TaskSpec, list[Finding]]:
    """The complete spec; where the task cannot learn from the rows, why, and a spec to look at them all the same."""
    try:
        return split_rows(task, spec, columns, rows)[0], []
    except UnsuitableData as error:
        refusal = Finding("task", "error", error.problem, error.fix, share=1.0)
        return _by_kinds(task, spec, columns, rows), [refusal]


def _by_kinds(task: Task, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
    target = spec.target or next((c.name for c in columns if c.kind in task.target_kinds and c.name != "split"), None)
    inputs = {
        role: next(c.name for kind in kinds for c in columns if c.kind == kind and c.name != target)
        for role, kinds in task.roles.items()
    }
    named = next((c.kind for c in columns if c.name == target), None) in ("category", "labels", "spans")
    labels = {label for row in rows for label in labels_in(row.get(target or ""))} if named else set()
    split = splits.own_column(columns, rows) or "content"
    return replace(spec, target=target, inputs=inputs, labels=tuple(sorted(labels)), split=split)


def _findings(rows: Sequence[Row], spec: TaskSpec, sides: Sequence[str], listener: Listener) -> Iterator[Finding]:
    names = registry.names("finders")
    for name in counted(names, listener, Text("Looking for trouble in the data", "正在检查数据")):
        finder: Finder = registry.load("finders", name)()
        yield from finder.find(rows, spec, sides)


def _rank(finding: Finding) -> tuple[int, float]:
    return SEVERITIES.index(finding.severity), -finding.share
