"""Runs: what they are, what they tell while they work, and stopping or going on with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from tuneworks.core.access import OPERATOR, VIEWER
from tuneworks.core.batch_jobs import BatchJob
from tuneworks.core.following import events_after, is_over, start_process
from tuneworks.core.types import Event, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.cancel import cancel
from tuneworks.flows.pause import pause
from tuneworks.flows.references import run_of
from tuneworks.flows.resume import queue_again
from tuneworks.server.access import ITSELF, caller_in, must_reach, needs, not_for_all
from tuneworks.server.problems import documented
from tuneworks.server.streams import EVENT_STREAM, event

router = APIRouter(prefix="/v1/runs", tags=["runs"])
LOOK_SECONDS = 0.25
ALIVE_SECONDS = 15.0
ALIVE = ": still here\n\n"
EXAMPLE = {
    "example": "id: run-5f0c3a9be1d24c77.001.00000007\nevent: progress\n"
    'data: {"kind": "progress", "step": 40, "total": 300, "values": {"loss": 0.41, "seconds_left": 62.5}}\n\n'
}


@router.get("", summary="Runs, newest first · 运行，最新在前")
@needs(VIEWER)
def list_runs(
    request: Request,
    status: str | None = None,
    parent_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Run]:
    wanted = {"status": status, "parent_id": parent_id}
    named = {name: value for name, value in wanted.items() if value is not None}
    found: list[Run] = request.app.state.workspace.store.find(Run, newest_first=True, limit=limit, **named)
    return found


@router.get("/{id}", summary="One run · 单次运行", responses=documented(404))
@needs(VIEWER)
def show_run(request: Request, id: str) -> Run:
    return run_of(request.app.state.workspace, id)


@router.get(
    "/{id}/events",
    summary="What a run tells, from its first event on and live until it ends · 运行的事件流，从第一个事件直至结束",
    response_class=StreamingResponse,
    responses={200: {"content": {EVENT_STREAM: EXAMPLE}}, **documented(403, 404)},
)
@needs(VIEWER, deployment=ITSELF)
async def follow_run(
    request: Request, id: str, last_event_id: Annotated[str | None, Header()] = None
) -> StreamingResponse:
    run = await run_in_threadpool(_reached, request, id)
    return StreamingResponse(_told(request.app, run.id, last_event_id), media_type=EVENT_STREAM)


@router.post(
    "/{id}/pause", summary="Pause a run after its present step · 在当前步骤之后暂停", responses=documented(404, 409)
)
@needs(OPERATOR)
def pause_run(request: Request, id: str) -> Run:
    return pause(id, workspace=request.app.state.workspace)


@router.post("/{id}/cancel", summary="Stop a run for good · 彻底取消运行", responses=documented(404, 409))
@needs(OPERATOR)
def cancel_run(request: Request, id: str) -> Run:
    return cancel(id, workspace=request.app.state.workspace)


@router.post(
    "/{id}/resume",
    summary="Go on with a run in a process of its own · 在独立进程中继续运行",
    status_code=202,
    responses=documented(404, 409),
)
@needs(OPERATOR)
def resume_run(request: Request, id: str) -> Run:
    workspace = request.app.state.workspace
    run = queue_again(workspace, id, reserved=True)
    start_process(workspace, run)
    return run


def _reached(request: Request, id: str) -> Run:
    """The run; to a key for some deployments alone, only one that answers a file by one of those."""
    workspace = request.app.state.workspace
    if caller_in(request).deployments:
        job = workspace.store.get(BatchJob, id)
        if job is None:
            raise not_for_all()
        must_reach(request, job.deployment)
    return run_of(workspace, id)


async def _told(app: FastAPI, run_id: str, last: str | None) -> AsyncIterator[str]:
    """Stored events as server-sent events, until the run or the server ends; a comment while nothing happens."""
    silent = 0.0
    while not app.state.stopping:
        over, found = await run_in_threadpool(_look, app.state.workspace, run_id, last)
        for told in found:
            yield f"id: {told.id}\n{event(told.kind, told)}"
            last, silent = told.id, 0.0
        if over and not found:
            return
        if not found:
            await asyncio.sleep(LOOK_SECONDS)
            silent += LOOK_SECONDS
        if silent >= ALIVE_SECONDS:
            yield ALIVE
            silent = 0.0


def _look(workspace: Workspace, run_id: str, last: str | None) -> tuple[bool, list[Event]]:
    over = is_over(workspace, run_id)
    return over, events_after(workspace, run_id, last)
