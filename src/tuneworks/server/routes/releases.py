"""Releases: put a version into service, try it beside the champion, promote it, take it back, and see every move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request

from tuneworks.core.access import OPERATOR, VIEWER
from tuneworks.core.types import Deployment, Move, Shadow
from tuneworks.core.workspace import Workspace
from tuneworks.flows.deploy import deploy
from tuneworks.flows.moves import moves_of
from tuneworks.flows.promote import promote
from tuneworks.flows.references import deployment_of, label_of, version_of
from tuneworks.flows.rollback import rollback
from tuneworks.server.access import ITSELF, must_reach, needs
from tuneworks.server.bodies import Served
from tuneworks.server.problems import documented

router = APIRouter(prefix="/v1/deployments", tags=["deployments"])
Limit = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True)
class DeployRequest:
    """A version to put into service under a name (default: the model's), or to try beside the champion (``mode``).

    ``policy``: settings of the release policy to change, such as ``{"share": 0.05}``.
    """

    version: str
    name: str | None = None
    mode: Literal["champion", "shadow", "canary"] = "champion"
    runtime: str | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PromoteRequest:
    """The version that becomes champion; the challenger where none is named."""

    version: str | None = None


DEPLOY_EXAMPLES: Any = {
    "as champion": {"value": {"version": "tickets@3"}},
    "as a canary": {
        "value": {"version": "tickets@4", "name": "tickets", "mode": "canary", "policy": {"share": 0.05}},
    },
    "in shadow": {"value": {"version": "tickets@4", "name": "tickets", "mode": "shadow"}},
}
PROMOTE_EXAMPLES: Any = {
    "the challenger": {"value": {}},
    "a version": {"value": {"version": "tickets@4"}},
}


@router.post(
    "",
    summary="Put a version into service, or try it beside the champion · 部署版本，或在冠军旁试用",
    responses=documented(400, 404, 409, 422, 501, 503),
)
@needs(OPERATOR, deployment=ITSELF)
def deploy_version(request: Request, body: Annotated[DeployRequest, Body(openapi_examples=DEPLOY_EXAMPLES)]) -> Served:
    workspace = request.app.state.workspace
    name = body.name or version_of(workspace, body.version).name
    must_reach(request, name)
    made = deploy(
        body.version, name=name, runtime=body.runtime, mode=body.mode, policy=body.policy, workspace=workspace
    )
    return served_of(workspace, made)


@router.post(
    "/{name}/promote",
    summary="Make the challenger, or a version, the champion · 将挑战者或某版本提升为冠军",
    responses=documented(400, 404, 409, 422, 501, 503),
)
@needs(OPERATOR, deployment="name")
def promote_version(
    request: Request,
    name: str,
    body: Annotated[PromoteRequest | None, Body(openapi_examples=PROMOTE_EXAMPLES)] = None,
) -> Served:
    workspace = request.app.state.workspace
    return served_of(workspace, promote(name, body.version if body else None, workspace=workspace))


@router.post(
    "/{name}/rollback",
    summary="Take the last release back · 撤回最近一次发布",
    responses=documented(404, 409, 422, 503),
)
@needs(OPERATOR, deployment="name")
def roll_back(request: Request, name: str) -> Served:
    workspace = request.app.state.workspace
    return served_of(workspace, rollback(name, workspace=workspace))


@router.get(
    "/{name}/moves",
    summary="Every change of what it serves, newest first, with its reason · 每次变动及其原因，最新在前",
    responses=documented(404, 422),
)
@needs(VIEWER, deployment="name")
def list_moves(request: Request, name: str, limit: Limit = 100) -> list[Move]:
    workspace = request.app.state.workspace
    return moves_of(workspace, deployment_of(workspace, name).id, limit=limit)


@router.get(
    "/{name}/shadows",
    summary="What the challenger in shadow would have answered, newest first · 影子挑战者的答案，最新在前",
    responses=documented(404, 422),
)
@needs(VIEWER, deployment="name")
def list_shadows(request: Request, name: str, limit: Limit = 100) -> list[Shadow]:
    workspace = request.app.state.workspace
    found = deployment_of(workspace, name)
    wanted = {} if found.challenger is None else {"version_id": found.challenger.version_id}
    return list(workspace.store.find(Shadow, deployment=found.id, newest_first=True, limit=limit, **wanted))


def served_of(workspace: Workspace, deployment: Deployment) -> Served:
    """A deployment with the labels of its versions."""
    challenger = deployment.challenger
    return Served(
        deployment,
        label_of(workspace, deployment.champion.version_id),
        tuple(label_of(workspace, served.version_id) for served in deployment.previous),
        label_of(workspace, challenger.version_id) if challenger else None,
    )
