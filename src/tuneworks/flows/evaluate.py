"""Score a version on held-out rows and write its report: beside it always what it must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuneworks.core.evaluation import Comparison, Evaluation
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.files import write_atomically
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.baselines import baselines
from tuneworks.flows.explain_config import explained
from tuneworks.flows.held_out import history_of, plan_of, run
from tuneworks.flows.ladder import table_of
from tuneworks.flows.plan_run import Plan
from tuneworks.flows.references import version_of
from tuneworks.flows.scorings import dataset_title, facts, report_folder, times_scored
from tuneworks.reports.html import render_report
from tuneworks.reports.provenance import Provenance, Setting
from tuneworks.serving.folders import open_version
from tuneworks.statistics.comparison import compare
from tuneworks.statistics.score_arrays import pack
from tuneworks.statistics.splits import NAMES


@dataclass(frozen=True)
class Report:
    """A version's evaluation, what it was compared with, where the report lies, and on which rows of other data."""

    version: ModelVersion
    evaluation: Evaluation
    comparisons: tuple[Comparison, ...]
    html: Path
    json: Path
    scored: Text | None = None


def evaluate(
    version: str, *, dataset: str | None = None, workspace: Workspace | None = None, listener: Listener = silent
) -> Report:
    """Score a version on test rows and write the report as HTML and JSON.

    They are its own dataset's, or those of ``dataset``: all its rows where none is a test row.
    """
    workspace = workspace or Workspace.open()
    chosen = version_of(workspace, version)
    plan = plan_of(workspace, chosen, dataset)
    scores = run(open_version(workspace, chosen), plan.data.test, workspace.cache, listener)
    evaluation = plan.data.task.score(chosen.spec, scores, plan.data.test)
    return write_report(workspace, chosen, plan, evaluation, scores, listener=listener)


def write_report(
    workspace: Workspace,
    version: ModelVersion,
    plan: Plan,
    evaluation: Evaluation,
    scores: Any,
    *,
    listener: Listener = silent,
) -> Report:
    """Compare the scores with every baseline on the same rows, and write the report."""
    evaluation = replace(evaluation, tables=(*evaluation.tables, *table_of(workspace, version)))
    comparisons = _compared(workspace, plan, scores, evaluation.metric, listener)
    folder = report_folder(workspace, version, plan.dataset.id)
    html, json = folder / "report.html", folder / "report.json"
    scored = times_scored(folder, plan.dataset.id)
    history = history_of(workspace, version)
    provenance = _provenance(workspace, version, plan, history, len(scored))
    steps = [line for line in history if "step" in line]
    page = render_report(version, evaluation, comparisons=comparisons, history=steps, provenance=provenance)
    content = {
        "version": version,
        "evaluation": evaluation,
        "comparisons": comparisons,
        "provenance": provenance,
        "dataset_id": plan.dataset.id,
        "test_scored": scored,
    }
    write_atomically(folder / "scores.safetensors", pack(scores))
    write_atomically(json, facts(content))
    write_atomically(html, page.encode())
    tell(listener, "report", Text(f"Report: {html}", f"报告：{html}"))
    return Report(version, evaluation, comparisons, html, json, plan.scored)


def _compared(workspace: Workspace, plan: Plan, scores: Any, metric: str, listener: Listener) -> tuple[Comparison, ...]:
    """The scores against each baseline's, paired on the plan's test rows."""
    task, spec, test = plan.data.task, plan.data.spec, plan.data.test
    own = task.tally(spec, scores, test)
    return tuple(
        compare(task.tally(spec, other, test), own, metric=metric, name=name)
        for name, other in baselines(workspace, plan, listener)
    )


def _provenance(
    workspace: Workspace, version: ModelVersion, plan: Plan, history: Sequence[Mapping[str, Any]], scored: int
) -> Provenance:
    """What the report tells about how the version came to be."""
    data, cost = plan.data, history[-1]["values"] if history else {}
    parent = workspace.store.get(ModelVersion, version.parent_id) if version.parent_id else None
    return Provenance(
        dataset=dataset_title(workspace, plan.dataset.id),
        splits={} if plan.scored else {name: len(getattr(data, name)) for name in NAMES},
        parent=parent.label if parent else None,
        seconds=cost.get("seconds"),
        memory_megabytes=cost.get("peak_megabytes"),
        test_scored=scored,
        recipe=_settings(workspace, version),
        scored=plan.scored,
    )


def _settings(workspace: Workspace, version: ModelVersion) -> list[Setting]:
    """The recipe's values and where each comes from."""
    run = workspace.store.get(Run, version.run_id)
    if run is None:
        return []
    told = explained(run.asked or run.config, replace(run.config, recipe=version.recipe))
    return [Setting(e.key, e.value, e.source) for e in told if e.key.startswith("recipe.")]
