"""Whether two versions answer the same question, one task on the same input columns, so that one may stand for both."""

from __future__ import annotations

from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import deployment_of


def must_ask_alike(champion: ModelVersion, challenger: ModelVersion, fix: Text) -> None:
    """Raise ``InvalidInput`` with the fix where the challenger has another task or reads other columns."""
    if (champion.spec.task, champion.spec.inputs) == (challenger.spec.task, challenger.spec.inputs):
        return
    raise InvalidInput(
        Text(
            f"{challenger.label} does not answer the same question as {champion.label}: "
            f"{_question(challenger)} instead of {_question(champion)}.",
            f"{challenger.label} 与 {champion.label} 回答的不是同一个问题：前者为 {_question(challenger)}，"
            f"后者为 {_question(champion)}。",
        ),
        fix,
    )


def must_replace(workspace: Workspace, deployment: Deployment, version: ModelVersion) -> None:
    """Raise ``InvalidInput`` where the version would answer callers another question than the champion does."""
    champion = workspace.store.get(ModelVersion, deployment.champion.version_id)
    if champion is not None:
        must_ask_alike(
            champion,
            version,
            Text(
                f"Callers of {deployment.id!r} would break. Deploy it under a name of its own: "
                f"tuneworks deploy {version.label} --name NAME",
                f"{deployment.id!r} 的调用方会出错。请以另一个名称部署：tuneworks deploy {version.label} --name 名称",
            ),
        )


def must_be_challengeable(workspace: Workspace, name: str, version: ModelVersion) -> Deployment:
    """The deployment that a version is to be tried in; raises where it has no champion that answers as it would."""
    deployment = deployment_of(workspace, name)
    must_replace(workspace, deployment, version)
    if deployment.champion.version_id == version.id:
        raise InvalidInput(
            Text(
                f"{version.label} is the champion of {name!r} already.", f"{version.label} 已是 {name!r} 的冠军版本。"
            ),
            Text("Try another version.", "请试用另一个版本。"),
        )
    return deployment


def _question(version: ModelVersion) -> str:
    return f"{version.spec.task}({', '.join(version.spec.inputs.values())})"
