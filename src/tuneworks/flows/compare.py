"""Compare two versions on the same held-out rows, each label the champion does not know counting as its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuneworks.core.evaluation import Comparison, Tally
from tuneworks.core.events import Listener, silent
from tuneworks.core.text import Text, plain
from tuneworks.core.types import ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.held_out import plan_of, relabelled, run
from tuneworks.flows.plan_run import Plan
from tuneworks.flows.questions import must_ask_alike
from tuneworks.flows.references import version_of
from tuneworks.flows.scorings import count_scoring
from tuneworks.serving.folders import open_version
from tuneworks.statistics.comparison import compare as compare_tallies

APART = Text(
    "Compare versions of one task that read the same columns; measure others one by one: "
    "tuneworks evaluate NAME@NUMBER",
    "请比较任务和输入列都相同的版本；其他版本请逐个评估：tuneworks evaluate 名称@编号",
)


def compare(
    champion: str,
    challenger: str,
    *,
    dataset: str | None = None,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> tuple[Comparison, ...]:
    """One paired comparison a metric both define, the deciding metric first.

    The rows are the test rows of ``dataset``, by default of the challenger's own dataset; both versions' reports
    count the scoring.
    """
    workspace = workspace or Workspace.open()
    old, new = version_of(workspace, champion), version_of(workspace, challenger)
    must_ask_alike(old, new, APART)
    plan = plan_of(workspace, new, dataset)
    before, after = (_tallies(workspace, version, plan, listener) for version in (old, new))
    for scored in (old, new):
        count_scoring(workspace, scored, plan.dataset.id)
    deciding = plan.data.spec.metric or ""
    shared = sorted(before.keys() & after.keys(), key=lambda name: (name != deciding, name))
    name = plain(f"{old.label} → {new.label}")
    return tuple(compare_tallies(before, after, metric=metric, name=name) for metric in shared)


def _tallies(workspace: Workspace, version: ModelVersion, plan: Plan, listener: Listener) -> Mapping[str, Tally]:
    """The version's metrics as tallies on the plan's test rows, seen with the version's own labels."""
    examples = relabelled(plan, version.spec.labels)
    scores: Any = run(open_version(workspace, version), examples, workspace.cache, listener)
    return plan.data.task.tally(version.spec, scores, examples)
