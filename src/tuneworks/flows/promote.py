"""Make another version the champion of a deployment that exists."""

from __future__ import annotations

from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.deploy import crown, prepare
from tuneworks.flows.questions import must_ask_alike
from tuneworks.flows.references import deployment_of, version_of


def promote(deployment: str, version: str, *, workspace: Workspace | None = None) -> Deployment:
    """The deployment with ``version`` as its champion and the old one kept for ``rollback``; seal checked first."""
    workspace = workspace or Workspace.open()
    present = deployment_of(workspace, deployment)
    challenger = version_of(workspace, version)
    _answers_the_same_question(workspace, present, challenger)
    return crown(workspace, present.id, prepare(workspace, challenger))


def _answers_the_same_question(workspace: Workspace, present: Deployment, challenger: ModelVersion) -> None:
    champion = workspace.store.get(ModelVersion, present.champion.version_id)
    if champion is not None:
        must_ask_alike(
            champion,
            challenger,
            Text(
                f"Callers of {present.id!r} would break. Deploy it under a name of its own: "
                f"tuneworks deploy {challenger.label} --name NAME",
                f"{present.id!r} 的调用方会出错。请以另一个名称部署：tuneworks deploy {challenger.label} --name 名称",
            ),
        )
