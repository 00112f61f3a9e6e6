"""What a user's words refer to: ``tickets``, ``tickets@3``, ``tickets@champion``, or the beginning of an id."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from tuneworks.core.errors import NotFound
from tuneworks.core.text import Text
from tuneworks.core.types import Dataset, DatasetName, Deployment, ModelVersion, Run
from tuneworks.core.workspace import Workspace

ID_PREFIX = re.compile(r"[0-9a-f]{8,64}")


def dataset_of(workspace: Workspace, reference: str) -> Dataset:
    """The dataset version a name points at now, or the one whose id begins so (8 digits or more)."""
    store = workspace.store
    name = store.get(DatasetName, reference)
    dataset = store.get(Dataset, name.dataset_id if name else reference)
    if dataset is None and ID_PREFIX.fullmatch(reference):
        dataset = _by_prefix(store.find(Dataset), reference)
    if dataset is None:
        raise unknown("dataset", "数据集", reference, (name.id for name in store.find(DatasetName)))
    return dataset


def version_of(workspace: Workspace, reference: str) -> ModelVersion:
    """The version ``name@3``, ``name@champion``, the newest of ``name``, or the one with that id."""
    store = workspace.store
    name, at, which = reference.rpartition("@")
    if not at:
        found = store.get(ModelVersion, reference) or _newest(workspace, reference)
    elif which == "champion":
        found = store.get(ModelVersion, deployment_of(workspace, name).champion.version_id)
    else:
        found = _numbered(workspace, name, which)
    if found is None:
        raise unknown("model version", "模型版本", reference, version_labels(workspace))
    return found


def deployment_of(workspace: Workspace, name: str, *, age: float = 0.0) -> Deployment:
    """The deployment of that name, as other processes left it at most ``age`` seconds ago."""
    deployment = workspace.store.get(Deployment, name, age=age)
    if deployment is None:
        raise unknown("deployment", "部署", name, (known.id for known in workspace.store.find(Deployment)))
    return deployment


def run_of(workspace: Workspace, reference: str) -> Run:
    """The run of that id."""
    run = workspace.store.get(Run, reference)
    if run is None:
        raise NotFound(
            Text(f"There is no run {reference!r}.", f"没有编号为 {reference!r} 的运行。"),
            Text("See the runs: tuneworks list runs", "查看所有运行：tuneworks list runs"),
        )
    return run


def _by_prefix(datasets: list[Dataset], prefix: str) -> Dataset | None:
    found = [dataset for dataset in datasets if dataset.id.startswith(prefix)]
    if len(found) > 1:
        ids = ", ".join(dataset.id[:16] for dataset in found)
        raise NotFound(
            Text(f"The id {prefix!r} fits {len(found)} datasets.", f"编号 {prefix!r} 对应 {len(found)} 个数据集。"),
            Text(f"Give more digits: {ids}", f"请给出更多位数：{ids}"),
        )
    return found[0] if found else None


def _newest(workspace: Workspace, name: str) -> ModelVersion | None:
    return max(workspace.store.find(ModelVersion, name=name), key=lambda version: version.number, default=None)


def _numbered(workspace: Workspace, name: str, number: str) -> ModelVersion | None:
    if not re.fullmatch(r"[0-9]{1,9}", number):
        return None
    return next(iter(workspace.store.find(ModelVersion, name=name, number=int(number))), None)


def label_of(workspace: Workspace, version_id: str) -> str:
    """A version's label, or its id where the version was deleted."""
    version = workspace.store.get(ModelVersion, version_id)
    return version.label if version else version_id


def version_labels(workspace: Workspace) -> list[str]:
    """Every ``name@3`` and every model name there is."""
    versions = workspace.store.find(ModelVersion)
    return [version.label for version in versions] + sorted({version.name for version in versions})


def unknown(noun: str, chinese_noun: str, reference: str, known: Iterable[str]) -> NotFound:
    """The error for a reference that leads nowhere, with the nearest names."""
    names = list(known)
    near = difflib.get_close_matches(reference, names, n=3, cutoff=0.5) or names[-3:]
    problem = Text(f"There is no {noun} {reference!r}.", f"没有名为 {reference!r} 的{chinese_noun}。")
    if not near:
        return NotFound(
            problem,
            Text(f"The workspace holds no {noun} yet.", f"该工作区中还没有{chinese_noun}。"),
        )
    listed = ", ".join(near)
    return NotFound(problem, Text(f"Did you mean: {listed}?", f"您是否想用：{listed}？"))
