"""Let deployments forget an old champion, unless they serve it or would go back to it next."""

from __future__ import annotations

from dataclasses import replace

from tuneworks.core.errors import Conflict
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, ModelVersion
from tuneworks.core.workspace import Workspace


def forget_version(workspace: Workspace, version: ModelVersion) -> list[str]:
    """Drop the version from all deployments' earlier champions in one write; the blobs compiled for it there.

    ``Conflict`` where a deployment serves it or a rollback would return to it: then nothing is written.
    """
    kept, revisions, compiled = [], {}, []
    for name in [deployment.id for deployment in workspace.store.find(Deployment)]:
        revision, deployment = workspace.store.revision(Deployment, name), workspace.store.get(Deployment, name)
        if deployment is None:
            continue
        _refuse_if_needed(deployment, version)
        own = [served for served in deployment.previous if served.version_id == version.id]
        if own:
            others = tuple(served for served in deployment.previous if served.version_id != version.id)
            kept.append(replace(deployment, previous=others))
            revisions[name] = revision
            compiled += [blob for served in own for blob in served.compiled.values()]
    if kept:
        workspace.store.put(*kept, expect=revisions)
    return compiled


def _refuse_if_needed(deployment: Deployment, version: ModelVersion) -> None:
    serving = [deployment.champion, *([deployment.challenger] if deployment.challenger else [])]
    if version.id in {served.version_id for served in serving}:
        raise _serves(deployment.id, version.label)
    if version.id in {served.version_id for served in deployment.previous[-1:]}:
        raise _would_go_back(deployment.id, version.label)


def _serves(deployment: str, label: str) -> Conflict:
    return Conflict(
        Text(f"The deployment {deployment!r} serves {label}.", f"部署 {deployment!r} 正在使用 {label}。"),
        Text(
            f"Delete the deployment: tuneworks delete deployments {deployment}. Or promote two other versions in turn, "
            f"as the last champion is kept for rollback: tuneworks promote {deployment} NAME@NUMBER",
            f"请删除该部署：tuneworks delete deployments {deployment}；"
            f"或先后上线另外两个版本（上一个冠军会保留以供回退）：tuneworks promote {deployment} 名称@编号",
        ),
    )


def _would_go_back(deployment: str, label: str) -> Conflict:
    return Conflict(
        Text(
            f"A rollback of the deployment {deployment!r} would go back to {label}.",
            f"部署 {deployment!r} 回退时会用到 {label}。",
        ),
        Text(
            f"Promote another version, then it is free: tuneworks promote {deployment} NAME@NUMBER. Or delete the "
            f"deployment: tuneworks delete deployments {deployment}",
            f"上线另一个版本后即可删除：tuneworks promote {deployment} 名称@编号；或删除该部署："
            f"tuneworks delete deployments {deployment}",
        ),
    )
