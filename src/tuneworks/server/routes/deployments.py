"""Deployments: what is served, and asking it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from starlette.concurrency import run_in_threadpool

from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, ModelVersion, Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.predict import answer
from tuneworks.flows.prediction_log import prediction_log_of
from tuneworks.flows.references import deployment_of
from tuneworks.server.bodies import (
    PREDICT_ANSWER_EXAMPLE,
    PREDICT_EXAMPLES,
    Predicted,
    PredictRequest,
    PredictResponse,
    Served,
)
from tuneworks.server.limits import bounded_rows
from tuneworks.server.problems import documented
from tuneworks.server.streams import EVENT_STREAM, STREAM_EXAMPLE, streamed

router = APIRouter(prefix="/v1/deployments", tags=["deployments"])


@router.get("", summary="Every deployment and the version it serves · 所有部署及其提供的版本")
def list_deployments(request: Request) -> list[Served]:
    workspace = request.app.state.workspace
    return [_served(workspace, deployment) for deployment in workspace.store.find(Deployment)]


@router.get("/{name}", summary="One deployment · 单个部署", responses=documented(404))
def show_deployment(request: Request, name: str) -> Served:
    workspace = request.app.state.workspace
    return _served(workspace, deployment_of(workspace, name))


@router.post(
    "/{name}/predict",
    summary="Answer rows; every answer is logged before it is given · 为数据行作答；每个答案先记录后返回",
    response_model=PredictResponse,
    responses={
        200: {"content": {"application/json": {"example": PREDICT_ANSWER_EXAMPLE}, EVENT_STREAM: STREAM_EXAMPLE}},
        **documented(400, 404, 413, 422, 503),
    },
)
async def predict(
    request: Request, name: str, body: Annotated[PredictRequest, Body(openapi_examples=PREDICT_EXAMPLES)]
) -> Any:
    workspace = request.app.state.workspace
    if body.stream:
        return await streamed(workspace, name, _only_row(body), body.keys)
    predictions, label = await run_in_threadpool(_answers, workspace, name, _rows(body), body.keys)
    await prediction_log_of(workspace).append_async(predictions)
    return PredictResponse(name, tuple(_predicted(prediction, label) for prediction in predictions))


def _answers(workspace: Workspace, name: str, rows: list[Any], keys: Any) -> tuple[list[Prediction], str]:
    if "@" in name:
        deployment_of(workspace, name)
    version, predictions = answer(name, rows, keys=keys, workspace=workspace)
    return predictions, version.label


def label_of(workspace: Workspace, version_id: str) -> str:
    """A version's label, or its id where the version was deleted."""
    version = workspace.store.get(ModelVersion, version_id)
    return version.label if version else version_id


def _rows(body: PredictRequest) -> list[Any]:
    if (body.rows is None) == (body.row is None):
        raise InvalidInput(
            Text('The body must have either "rows" or "row".', '请求体应包含 "rows" 或 "row"，二者择一。'),
            Text(
                'Send {"rows": [{...}, {...}]} or {"row": {...}}.',
                '请发送 {"rows": [{...}, {...}]} 或 {"row": {...}}。',
            ),
        )
    rows = [body.row] if body.rows is None else list(body.rows)
    bounded_rows(len(rows))
    return rows


def _only_row(body: PredictRequest) -> Any:
    rows = _rows(body)
    if len(rows) == 1:
        return rows[0]
    raise InvalidInput(
        Text(f"One row can be streamed, not {len(rows)}.", f"一次只能流式返回一行，而请求有 {len(rows)} 行。"),
        Text('Send {"row": {...}, "stream": true}.', '请发送 {"row": {...}, "stream": true}。'),
    )


def _predicted(prediction: Prediction, label: str) -> Predicted:
    return Predicted(prediction.id, prediction.answer, label, prediction.milliseconds, prediction.key)


def _served(workspace: Workspace, deployment: Deployment) -> Served:
    return Served(
        deployment,
        label_of(workspace, deployment.champion.version_id),
        tuple(label_of(workspace, served.version_id) for served in deployment.previous),
    )
