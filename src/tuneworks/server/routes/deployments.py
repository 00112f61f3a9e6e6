"""Deployments: what is served, and asking it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from tuneworks.core.access import VIEWER
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment
from tuneworks.flows.references import deployment_of
from tuneworks.server.access import ITSELF, caller_in, needs
from tuneworks.server.bodies import (
    PREDICT_ANSWER_EXAMPLE,
    PREDICT_EXAMPLES,
    PredictRequest,
    PredictResponse,
    Served,
)
from tuneworks.server.exchange import LEFT_STATUS
from tuneworks.server.marks import answered_by
from tuneworks.server.metering import spend
from tuneworks.server.predicting import Seconds, predicted, rows_in
from tuneworks.server.problems import documented
from tuneworks.server.routes.releases import served_of
from tuneworks.server.streams import EVENT_STREAM, STREAM_EXAMPLE, streamed

router = APIRouter(prefix="/v1/deployments", tags=["deployments"])


@router.get("", summary="Every deployment and the version it serves · 所有部署及其提供的版本")
@needs(VIEWER, deployment=ITSELF)
def list_deployments(request: Request) -> list[Served]:
    workspace = request.app.state.workspace
    caller = caller_in(request)
    found = [deployment for deployment in workspace.store.find(Deployment) if caller.reaches(deployment.id)]
    return [served_of(workspace, deployment) for deployment in found]


@router.get("/{name}", summary="One deployment · 单个部署", responses=documented(404))
@needs(VIEWER, deployment="name")
def show_deployment(request: Request, name: str) -> Served:
    workspace = request.app.state.workspace
    return served_of(workspace, deployment_of(workspace, name))


@router.post(
    "/{name}/predict",
    summary="Answer rows; every answer is logged before it is given · 为数据行作答；每个答案先记录后返回",
    response_model=PredictResponse,
    responses={
        200: {"content": {"application/json": {"example": PREDICT_ANSWER_EXAMPLE}, EVENT_STREAM: STREAM_EXAMPLE}},
        **documented(400, 404, 413, 422, 503, 504),
    },
)
@needs(VIEWER, deployment="name")
async def predict(
    request: Request,
    name: str,
    body: Annotated[PredictRequest, Body(openapi_examples=PREDICT_EXAMPLES)],
    x_request_timeout: Seconds = None,
) -> Any:
    """Plain requests are answered before they come here: see ``server.predicting``."""
    workspace = request.app.state.workspace
    if body.stream:
        spend(request.scope, name, [row := _only_row(body)])
        return await streamed(request, name, row, body.keys)
    said = await predicted(workspace, name, body, scope=request.scope, seconds=x_request_timeout)
    if said is None:
        return Response(status_code=LEFT_STATUS)
    answered_by(request, said.predictions[0].version)
    spend(request.scope, name, rows_in(body))
    return said


def _only_row(body: PredictRequest) -> Any:
    rows = rows_in(body)
    if len(rows) == 1:
        return rows[0]
    raise InvalidInput(
        Text(f"One row can be streamed, not {len(rows)}.", f"一次只能流式返回一行，而请求有 {len(rows)} 行。"),
        Text('Send {"row": {...}, "stream": true}.', '请发送 {"row": {...}, "stream": true}。'),
    )
