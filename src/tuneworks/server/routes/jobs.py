"""Files answered as jobs: sent, followed, stopped, gone on with, and their answers fetched."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse

from tuneworks.core.access import OPERATOR, VIEWER
from tuneworks.core.batch_jobs import BatchJob
from tuneworks.core.errors import Forbidden, InvalidInput, Unavailable
from tuneworks.core.following import Progress, progress_of, start_process
from tuneworks.core.lifecycle import AT_WORK
from tuneworks.core.text import Text
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.batch_job import KIND, batch_answers, batch_of, copied, incoming, queue_batch
from tuneworks.flows.cancel import cancel
from tuneworks.flows.references import label_of, run_of
from tuneworks.flows.resume import queue_again
from tuneworks.server.access import ITSELF, caller_in, must_reach, needs
from tuneworks.server.limits import MOST_JOBS, crowded
from tuneworks.server.problems import documented

router = APIRouter(prefix="/v1", tags=["jobs"])
LINES = "application/x-ndjson"
UPLOAD = {
    "requestBody": {
        "required": False,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@dataclass(frozen=True)
class Job:
    """A job: what was asked, the version that answers, where it stands; ``rows`` once all are answered."""

    id: str
    deployment: str
    version: str
    file: str
    layout: str
    status: str
    created: str
    ended: str | None
    error: Text | None
    rows: int | None
    progress: Progress | None


@router.post(
    "/deployments/{name}/jobs",
    summary="Answer a file: the body, or one that lies on the server · 对文件作答（上传，或服务器上已有的文件）",
    status_code=202,
    responses=documented(400, 403, 404, 413, 422, 503),
    openapi_extra=UPLOAD,
)
@needs(VIEWER, deployment="name")
async def start_job(
    request: Request,
    name: str,
    file: Annotated[str, Query(max_length=255)] = "",
    path: Annotated[str, Query(max_length=1024)] = "",
    layout: Annotated[str, Query(max_length=64)] = "auto",
    key: Annotated[str, Query(max_length=255)] = "",
    log: bool = True,
) -> Job:
    """``file``: the name of what is sent, whose ending says how it is read. ``path``: a file that is on the server
    already, below ``files`` in the workspace's folder (operators alone). ``layout``: ``auto``, ``lines``, ``jsonl``,
    ``csv`` and so on. ``key``: the column of your own keys. ``log``: whether the answers are kept like any other."""
    workspace = request.app.state.workspace
    await run_in_threadpool(_must_have_room, workspace)
    place = await run_in_threadpool(_copied, request, path) if path else await _received(request, file)

    by = caller_in(request)

    def begin() -> Job:
        source = Path(path or file).name
        asked = queue_batch(
            name, place, name=source, layout=layout, key=key or None, log=log, by=by, workspace=workspace
        )
        run = run_of(workspace, asked.id)
        start_process(workspace, run)
        return _job(workspace, asked, run)

    return await run_in_threadpool(begin)


@router.get("/jobs", summary="Jobs, newest first · 作业，最新在前", responses=documented(403))
@needs(VIEWER, deployment=ITSELF)
def list_jobs(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[Job]:
    workspace, caller = request.app.state.workspace, caller_in(request)
    runs = workspace.store.find(Run, kind=KIND, newest_first=True, limit=limit)
    found = [(workspace.store.get(BatchJob, run.id), run) for run in runs]
    return [_job(workspace, job, run) for job, run in found if job is not None and caller.reaches(job.deployment)]


@router.get("/jobs/{id}", summary="One job and where it stands · 单个作业及其进度", responses=documented(403, 404))
@needs(VIEWER, deployment=ITSELF)
def show_job(request: Request, id: str) -> Job:
    return _shown(request, id)


@router.get(
    "/jobs/{id}/answers",
    summary="All answers of a finished job, a JSON line a row · 已完成作业的全部答案，每行一条 JSON",
    response_class=FileResponse,
    responses={200: {"content": {LINES: {"schema": {"type": "string"}}}}, **documented(403, 404, 409)},
)
@needs(VIEWER, deployment=ITSELF)
def job_answers(request: Request, id: str) -> FileResponse:
    _shown(request, id)
    return FileResponse(batch_answers(request.app.state.workspace, id), media_type=LINES, filename=f"{id}.jsonl")


@router.post("/jobs/{id}/cancel", summary="Stop a job for good · 取消作业", responses=documented(403, 404, 409))
@needs(VIEWER, deployment=ITSELF)
def cancel_job(request: Request, id: str) -> Job:
    _shown(request, id)
    cancel(id, workspace=request.app.state.workspace)
    return _shown(request, id)


@router.post(
    "/jobs/{id}/resume",
    summary="Go on with a job that was cut off · 继续被中断的作业",
    status_code=202,
    responses=documented(403, 404, 409),
)
@needs(VIEWER, deployment=ITSELF)
def resume_job(request: Request, id: str) -> Job:
    _shown(request, id)
    workspace = request.app.state.workspace
    start_process(workspace, queue_again(workspace, id, reserved=True))
    return _shown(request, id)


def _must_have_room(workspace: Workspace) -> None:
    """Raise ``Overloaded`` where as many jobs are at work, each in a process, as may be."""
    under_way = sum(len(workspace.store.find(Run, kind=KIND, status=status)) for status in AT_WORK)
    if under_way >= MOST_JOBS:
        raise crowded(under_way)


def _shown(request: Request, id: str) -> Job:
    workspace = request.app.state.workspace
    job = batch_of(workspace, id)
    must_reach(request, job.deployment)
    return _job(workspace, job, run_of(workspace, id))


def _job(workspace: Workspace, job: BatchJob, run: Run) -> Job:
    return Job(
        id=job.id,
        deployment=job.deployment,
        version=label_of(workspace, job.served.version_id),
        file=job.source,
        layout=job.layout,
        status=run.status,
        created=run.created,
        ended=run.ended,
        error=run.error,
        rows=job.rows,
        progress=progress_of(workspace, run),
    )


def _copied(request: Request, path: str) -> Path:
    """A file that lies on the server; its rows may be anybody's, so not every caller may have them answered."""
    if not caller_in(request).may(OPERATOR):
        raise Forbidden(
            Text("This key may not have files of the server answered.", "此密钥无权对服务器上的文件作答。"),
            Text("Send the file as the body of the request.", "请将文件作为请求体发送。"),
        )
    return copied(request.app.state.workspace, path)


async def _received(request: Request, name: str) -> Path:
    """The body on disk, written as it comes; nothing is left of one that breaks off."""
    place = await run_in_threadpool(incoming, request.app.state.workspace, name)
    try:
        size = await _written(request, place)
        if not size:
            raise InvalidInput(
                Text("The request carries no file.", "请求没有携带文件。"),
                Text(
                    "Send the file as the body: curl --data-binary @FILE, and its name as ?file=NAME.",
                    "请将文件作为请求体发送：curl --data-binary @文件，并用 ?file=名称 给出文件名。",
                ),
            )
    except BaseException:
        shutil.rmtree(place.parent, ignore_errors=True)
        raise
    return place


async def _written(request: Request, place: Path) -> int:
    """How many bytes of the body were written."""
    try:
        with open(place, "wb") as file:
            async for piece in request.stream():
                await run_in_threadpool(file.write, piece)
            return file.tell()
    except ClientDisconnect as error:
        raise InvalidInput(
            Text("The file broke off before its end.", "文件在传完之前中断。"), Text("Send it again.", "请重新发送。")
        ) from error
    except OSError as error:
        raise Unavailable(
            Text(f"The file cannot be kept: {error.strerror}.", f"无法保存文件：{error.strerror}。"),
            Text("Free some disk space, then send it again.", "请释放磁盘空间后重新发送。"),
        ) from error
