"""List, show and delete what the workspace holds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tuneworks.core.access import ApiKey
from tuneworks.core.errors import Conflict, NotFound
from tuneworks.core.files import staged_beside
from tuneworks.core.processes import is_alive
from tuneworks.core.text import Text
from tuneworks.core.types import Dataset, DatasetName, Deployment, Event, ModelVersion, Prediction, Run, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.batch_job import forget_batch
from tuneworks.flows.forget import forget_version
from tuneworks.flows.keys import key_of, keys, revoke
from tuneworks.flows.pictures import pictures_in_use, pictures_of
from tuneworks.flows.references import dataset_of, deployment_of, run_of, unknown, version_labels, version_of
from tuneworks.serving.compiled import folder_of

KINDS: dict[str, type] = {
    "datasets": DatasetName,
    "runs": Run,
    "versions": ModelVersion,
    "deployments": Deployment,
    "keys": ApiKey,
}


def list_records(kind: str, *, workspace: Workspace | None = None) -> list[Any]:
    """All records of a kind, newest last; for datasets the names, each pointing at its current version."""
    workspace = workspace or Workspace.open()
    wanted = _kind(kind)
    return list(keys(workspace=workspace)) if wanted is ApiKey else workspace.store.find(wanted)


def show(reference: str, *, workspace: Workspace | None = None) -> Any:
    """The record a reference means: an id, ``name@3``, else the deployment, newest version or dataset of that name.

    ``datasets/tickets`` (or ``versions/``, ``runs/``, ``deployments/``) says which one is meant.
    """
    workspace = workspace or Workspace.open()
    kind, slash, rest = reference.partition("/")
    if slash and kind in KINDS:
        return _FIND[kind](workspace, rest)
    for find in (run_of, _prediction_of, deployment_of, version_of, dataset_of):
        try:
            return find(workspace, reference)
        except NotFound:
            continue
    raise unknown("record", "记录", reference, _names(workspace))


def delete(kind: str, reference: str, *, workspace: Workspace | None = None) -> None:
    """Delete a record and the files only it used; refused while something else uses it. A key is revoked."""
    workspace = workspace or Workspace.open()
    _kind(kind)
    _DELETE[kind](workspace, reference)


# -- deleting ----------------------------------------------------------------------------------------


def _delete_dataset(workspace: Workspace, reference: str) -> None:
    """By name: the name and all its versions no other name leads to; by id: that version."""
    dataset = dataset_of(workspace, reference)
    name = workspace.store.get(DatasetName, reference)
    doomed = _lineage(workspace, dataset) - _kept_by_other_names(workspace, reference) if name else {dataset.id}
    if not name:
        _refuse_if_named_or_inherited(workspace, dataset)
    _refuse_if_used(workspace, reference, doomed)
    pictures = pictures_of(workspace, [found for id in doomed if (found := workspace.store.get(Dataset, id))])
    if name:
        workspace.store.remove(DatasetName, name.id)
    for id in doomed:
        workspace.store.remove(Dataset, id)
    _remove_unused_blobs(workspace, [*doomed, *pictures])


def _delete_version(workspace: Workspace, reference: str) -> None:
    version = version_of(workspace, reference)
    _refuse_while_running(workspace)
    compiled = forget_version(workspace, version)
    for folder in (workspace.models / version.label, workspace.reports / version.label, folder_of(workspace, version)):
        _remove_folder(folder)
    workspace.store.remove(ModelVersion, version.id)
    _remove_unused_blobs(workspace, [*version.parts.values(), *compiled])


def _delete_deployment(workspace: Workspace, reference: str) -> None:
    deployment = deployment_of(workspace, reference)
    _refuse_while_running(workspace)
    workspace.store.remove(Deployment, deployment.id)
    _remove_unused_blobs(workspace, _compiled(deployment))


def _revoke(workspace: Workspace, reference: str) -> None:
    revoke(reference, workspace=workspace)


def _delete_run(workspace: Workspace, reference: str) -> None:
    run = run_of(workspace, reference)
    if _is_at_work(run):
        raise _in_use(run.id, "the process that does it", "正在执行它的进程")
    for version in workspace.store.find(ModelVersion, run_id=run.id):
        raise _in_use(run.id, f"the version {version.label}", f"版本 {version.label}")
    for event in workspace.store.find(Event, run_id=run.id):
        workspace.store.remove(Event, event.id or "")
    unused = forget_batch(workspace, run)
    workspace.store.remove(Run, run.id)
    _remove_folder(workspace.checkpoints / run.id)
    _remove_unused_blobs(workspace, unused)


def _remove_folder(folder: Path) -> None:
    """Gone under its name at once: what can be made again from blobs must never be found in half."""
    if folder.is_dir():
        shutil.rmtree(folder.rename(staged_beside(folder)))


def _lineage(workspace: Workspace, dataset: Dataset | None) -> set[str]:
    """The dataset and all versions it grew from."""
    ids: set[str] = set()
    while dataset is not None and dataset.id not in ids:
        ids.add(dataset.id)
        dataset = workspace.store.get(Dataset, dataset.parent_id) if dataset.parent_id else None
    return ids


def _kept_by_other_names(workspace: Workspace, name: str) -> set[str]:
    others = [other for other in workspace.store.find(DatasetName) if other.id != name]
    return {id for other in others for id in _lineage(workspace, workspace.store.get(Dataset, other.dataset_id))}


def _refuse_if_named_or_inherited(workspace: Workspace, dataset: Dataset) -> None:
    for name in workspace.store.find(DatasetName, dataset_id=dataset.id):
        raise _in_use(dataset.id[:16], f"the dataset name {name.id!r}", f"数据集名称 {name.id!r}")
    for child in workspace.store.find(Dataset, parent_id=dataset.id):
        raise _in_use(dataset.id[:16], f"the dataset {child.id[:16]} made from it", f"由它生成的数据集 {child.id[:16]}")


def _refuse_if_used(workspace: Workspace, reference: str, ids: Iterable[str]) -> None:
    for id in ids:
        for version in workspace.store.find(ModelVersion, dataset_id=id):
            raise _in_use(reference, f"the version {version.label} made from it", f"由它生成的版本 {version.label}")
    _refuse_while_running(workspace)


def _refuse_while_running(workspace: Workspace) -> None:
    """A run at work may be about to use bytes that nothing refers to yet."""
    for run in workspace.store.find(Run, status="running"):
        if _is_at_work(run):
            raise Conflict(
                Text(f"The run {run.id} is at work.", f"运行 {run.id} 正在进行中。"),
                Text("Wait until it has ended, then delete.", "请等它结束后再删除。"),
            )


def _is_at_work(run: Run) -> bool:
    return run.status == "running" and run.owner is not None and is_alive(run.owner)


def _remove_unused_blobs(workspace: Workspace, candidates: Iterable[str]) -> None:
    store = workspace.store
    used = {dataset.id for dataset in store.find(Dataset)}
    used.update(blob for version in store.find(ModelVersion) for blob in version.parts.values())
    used.update(blob for deployment in store.find(Deployment) for blob in _compiled(deployment))
    unused = set(candidates) - used
    for blob in unused - (pictures_in_use(workspace) if unused else set()):
        workspace.blobs.remove(blob)


def _served(deployment: Deployment) -> list[Served]:
    challenger = [deployment.challenger] if deployment.challenger else []
    return [deployment.champion, *challenger, *deployment.previous]


def _compiled(deployment: Deployment) -> list[str]:
    return [blob for served in _served(deployment) for blob in served.compiled.values()]


# -- finding -----------------------------------------------------------------------------------------


def _prediction_of(workspace: Workspace, reference: str) -> Prediction:
    prediction = workspace.store.get(Prediction, reference)
    if prediction is None:
        raise NotFound(
            Text(f"There is no prediction {reference!r}.", f"没有编号为 {reference!r} 的预测。"),
            Text("Use the id that came with the answer.", "请使用随答案返回的编号。"),
        )
    return prediction


def _names(workspace: Workspace) -> list[str]:
    datasets = {name.id for name in workspace.store.find(DatasetName)}
    deployments = {deployment.id for deployment in workspace.store.find(Deployment)}
    return sorted({*datasets, *deployments, *version_labels(workspace)})


def _kind(kind: str) -> type:
    if kind not in KINDS:
        listed = ", ".join(KINDS)
        raise NotFound(
            Text(f"There are no {kind!r} in a workspace.", f"工作区中没有 {kind!r} 这一类。"),
            Text(f"Choose one of: {listed}", f"请选择：{listed}"),
        )
    return KINDS[kind]


def _in_use(what: str, user: str, chinese_user: str) -> Conflict:
    return Conflict(
        Text(f"{what} is used by {user}.", f"{what} 正被{chinese_user}使用。"),
        Text("Delete or change that first, then try again.", "请先删除或更改它，然后重试。"),
    )


_FIND: dict[str, Callable[[Workspace, str], Any]] = {
    "datasets": dataset_of,
    "runs": run_of,
    "versions": version_of,
    "deployments": deployment_of,
    "keys": key_of,
}
_DELETE: dict[str, Callable[[Workspace, str], None]] = {
    "datasets": _delete_dataset,
    "runs": _delete_run,
    "versions": _delete_version,
    "deployments": _delete_deployment,
    "keys": _revoke,
}
