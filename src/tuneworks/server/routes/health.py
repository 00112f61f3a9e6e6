"""Whether the server answers, and what it serves."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from tuneworks import __version__
from tuneworks.core.errors import Unavailable
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment
from tuneworks.flows.references import label_of
from tuneworks.flows.standing import readiness
from tuneworks.server.bodies import Health
from tuneworks.server.problems import documented

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
    known = request.scope["state"]["caller"] is not None
    return Health("ok", __version__, serving if known else {})


@router.get(
    "/health/live", summary="Whether the process answers · 进程是否存活", status_code=204, response_class=Response
)
async def live() -> None:
    return None


@router.get(
    "/health/ready",
    summary="Whether requests should come here: its store answers, and it is not told to stop · 是否应向此处发送请求",
    status_code=204,
    response_class=Response,
    responses=documented(503),
)
def ready(request: Request) -> None:
    found = readiness(request.app.state.workspace, stopping=request.app.state.stopping)
    if found.reason is not None:
        raise Unavailable(
            found.reason,
            Text("Ask another server, or this one once it has started.", "请改用其他服务，或等它启动后重试。"),
        )
