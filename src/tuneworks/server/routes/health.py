"""Whether the server answers, and what it serves."""

from __future__ import annotations

from fastapi import APIRouter, Request

from tuneworks import __version__
from tuneworks.core.types import Deployment
from tuneworks.server.bodies import Health
from tuneworks.server.problems import documented
from tuneworks.server.routes.deployments import label_of

router = APIRouter(prefix="/v1", tags=["health"])


@router.get(
    "/health", summary="Whether the server and its store answer · 服务及其存储是否可用", responses=documented(503)
)
def health(request: Request) -> Health:
    workspace = request.app.state.workspace
    serving = {
        deployment.id: label_of(workspace, deployment.champion.version_id)
        for deployment in workspace.store.find(Deployment)
    }
    return Health("ok", __version__, serving)
