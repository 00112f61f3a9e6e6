"""Learn on: tune anew with what people corrected, and promote only what is measurably better on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuneworks.core import registry
from tuneworks.core.asking import Row
from tuneworks.core.clock import now
from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.evaluation import Comparison
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import (
    Column,
    Dataset,
    DatasetName,
    Deployment,
    Feedback,
    ModelVersion,
    Prediction,
    Run,
    RunConfig,
    TaskSpec,
)
from tuneworks.core.workspace import Workspace
from tuneworks.flows.compare import compare
from tuneworks.flows.deploy import deploy
from tuneworks.flows.judged import judged_predictions
from tuneworks.flows.promote import promote
from tuneworks.flows.references import dataset_of, deployment_of, version_of
from tuneworks.flows.rows import read_rows, write_dataset
from tuneworks.flows.tune import tune
from tuneworks.statistics.splits import parse, position


@dataclass(frozen=True)
class Retuned:
    """What a retuning came to: the grown dataset, the candidate, its comparison with the champion, and the outcome.

    ``tried``: it is better on held-out rows and now the challenger in shadow.
    """

    dataset: Dataset
    version: ModelVersion
    comparison: Comparison
    promoted: bool
    tried: bool = False


def retune(deployment: str, *, workspace: Workspace | None = None, listener: Listener = silent) -> Retuned:
    """Tune the champion's successor on its rows and the judged predictions; promote it only if it is better.

    Where the deployment's policy asks for answers in shadow, it is first tried so. The dataset's name moves to the
    grown rows once the successor stands.
    """
    workspace = workspace or Workspace.open()
    present = deployment_of(workspace, deployment)
    champion = version_of(workspace, present.champion.version_id)
    dataset = _grow(workspace, present, champion, listener)
    candidate = tune(config=_config(workspace, champion, dataset), workspace=workspace, listener=listener)
    _move_names(workspace, dataset_of(workspace, champion.dataset_id), dataset)
    comparison = _deciding(
        compare(champion.label, candidate.label, dataset=dataset.id, workspace=workspace, listener=listener), candidate
    )
    outcome = _release(workspace, present, candidate) if comparison.won else "kept"
    tell(listener, outcome, _told(outcome, champion, candidate, comparison))
    return Retuned(dataset, candidate, comparison, outcome == "promoted", outcome == "tried")


def _release(workspace: Workspace, present: Deployment, candidate: ModelVersion) -> str:
    """Promote the better candidate, or have it tried in shadow where the policy wants that first."""
    newest = deployment_of(workspace, present.id)
    if newest.policy.shadow_answers:
        deploy(candidate.label, name=present.id, mode="shadow", workspace=workspace)
        return "tried"
    promote(present.id, candidate.label, workspace=workspace)
    return "promoted"


def _grow(workspace: Workspace, present: Deployment, champion: ModelVersion, listener: Listener) -> Dataset:
    """A new dataset version: the champion's rows with the judged ones added, in place of older rows alike."""
    judged = [pair for pair in judged_predictions(workspace, present.id) if pair[1].value is not None]
    if not judged:
        raise _nothing_judged(present.id)
    old = dataset_of(workspace, champion.dataset_id)
    new_rows = [row for pair in judged for row in reversed(_as_rows(*pair, old.columns, champion.spec))]
    rows = merge(read_rows(workspace, old), new_rows, champion.spec)
    dataset = write_dataset(workspace, rows, old.columns, uri=_uri(present.id), parent_id=old.id)
    tell(
        listener,
        "dataset",
        Text(
            f"{len(judged)} judged predictions; {len(rows)} rows to learn from",
            f"{len(judged)} 条有反馈的预测；共 {len(rows)} 行可供学习",
        ),
    )
    return dataset


def merge(old: Sequence[Row], judged: Sequence[Row], spec: TaskSpec) -> list[Row]:
    """Old rows, then judged ones (given latest first); of equal content the latest judged one is kept alone.

    What a judged row lacks it inherits from the row it replaces.
    """
    kind, moment = parse(spec.split or "content")
    columns = (*spec.inputs.values(), *([moment] if moment and kind == "time" else []))
    newest: dict[float, Row] = {}
    for row in judged:
        place = position(row, columns)
        newest[place] = _filled(newest[place], row) if place in newest else row
    kept = []
    for row in old:
        place = position(row, columns)
        if place in newest:
            newest[place] = _filled(newest[place], row)
        else:
            kept.append(row)
    return kept + list(reversed(newest.values()))


def _filled(row: Row, older: Row) -> Row:
    return {name: older.get(name) if value is None else value for name, value in row.items()}


def _as_rows(
    prediction: Prediction, verdict: Feedback, columns: Sequence[Column], spec: TaskSpec
) -> list[dict[str, Any]]:
    """A judged prediction as rows of the dataset's columns; what the caller did not send is missing.

    Where the split needs a time or a group they came without: the time of the answer; a group of their own.
    """
    learnt = registry.load("tasks", spec.task or "")().learnt(spec, prediction.inputs, verdict.value)
    rows = [{column.name: row.get(column.name) for column in columns} for row in learnt]
    kind, column = parse(spec.split or "content")
    if column is None or kind == "column":
        return rows
    own = prediction.made if kind == "time" else prediction.id
    return [{**row, column: own} if row[column] is None else row for row in rows]


def _move_names(workspace: Workspace, old: Dataset, new: Dataset) -> None:
    """Point the dataset's names at the new version: those at the old rows and at earlier retunings of the same rows."""
    earlier = [known.id for known in workspace.store.find(Dataset, parent_id=old.id) if known.uri == new.uri]
    names = [name for id in {old.id, *earlier} for name in workspace.store.find(DatasetName, dataset_id=id)]
    if names:
        workspace.store.put(*(replace(name, dataset_id=new.id, moved=now()) for name in names))


def _config(workspace: Workspace, champion: ModelVersion, dataset: Dataset) -> RunConfig:
    """The champion's recipe on the grown rows; labels are found anew unless its user named them.

    The goal and the budget have chosen that recipe, and bound no other run.
    """
    run = workspace.store.get(Run, champion.run_id)
    if run is None:
        raise NotFound(
            Text(f"The run that made {champion.label} is gone.", f"生成 {champion.label} 的运行记录已不存在。"),
            Text(
                f"Tune anew and deploy: tuneworks tune {champion.name}",
                f"请重新微调并部署：tuneworks tune {champion.name}",
            ),
        )
    named = run.asked.spec.labels if run.asked else ()
    spec = replace(run.config.spec, labels=named)
    return replace(
        run.config,
        name=champion.name,
        dataset=dataset.id,
        spec=spec,
        recipe=champion.recipe,
        from_version=champion.label,
        goal=None,
        budget=None,
    )


def _deciding(comparisons: Sequence[Comparison], candidate: ModelVersion) -> Comparison:
    return next((c for c in comparisons if c.metric == candidate.spec.metric), comparisons[0])


def _told(outcome: str, champion: ModelVersion, candidate: ModelVersion, comparison: Comparison) -> Text:
    moved = comparison.difference
    figures = (
        f"{comparison.metric} {comparison.champion.value:.4f} -> {comparison.challenger.value:.4f}, "
        f"{moved.value:+.4f} [{moved.low:+.4f}, {moved.high:+.4f}]"
    )
    becomes = {
        "promoted": Text("is the champion now", "现已成为冠军版本"),
        "tried": Text("is tried in shadow now", "现正以影子方式试用"),
    }
    if outcome in becomes:
        said = becomes[outcome]
        return Text(
            f"{candidate.label} is better on {comparison.rows} held-out rows and {said.en}: {figures}",
            f"{candidate.label} 在 {comparison.rows} 行保留数据上更好，{said.zh}：{figures}",
        )
    return Text(
        f"{champion.label} stays the champion: on {comparison.rows} held-out rows {candidate.label} is not better "
        f"beyond chance: {figures}",
        f"{champion.label} 仍为冠军版本：在 {comparison.rows} 行保留数据上，"
        f"{candidate.label} 的提升未超出偶然范围：{figures}",
    )


def _nothing_judged(deployment: str) -> InvalidInput:
    return InvalidInput(
        Text(
            f"Nobody has said what the right answers of {deployment!r} were; there is nothing new to learn.",
            f"还没有人为 {deployment!r} 的预测给出正确答案，没有可学习的新内容。",
        ),
        Text(
            "Send the truth for some predictions: tuneworks feedback PREDICTION_ID --value VALUE, or "
            "POST /v1/predictions/{id}/feedback",
            "请为部分预测给出正确值：tuneworks feedback 预测ID --value 值，或 POST /v1/predictions/{id}/feedback",
        ),
    )


def _uri(deployment: str) -> str:
    return f"retune:{deployment}"
