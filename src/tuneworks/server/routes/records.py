"""Versions, datasets and signals, as they are stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from tuneworks.core.access import VIEWER
from tuneworks.core.types import Dataset, ModelVersion, Signal
from tuneworks.flows.references import dataset_of, deployment_of, version_of
from tuneworks.server.access import ITSELF, caller_in, must_reach, needs
from tuneworks.server.problems import documented

router = APIRouter(prefix="/v1")
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/versions", tags=["versions"], summary="Model versions, newest first · 模型版本，最新在前")
@needs(VIEWER)
def list_versions(request: Request, name: str | None = None, limit: Limit = 100) -> list[ModelVersion]:
    wanted = {} if name is None else {"name": name}
    found: list[ModelVersion] = request.app.state.workspace.store.find(
        ModelVersion, newest_first=True, limit=limit, **wanted
    )
    return found


@router.get(
    "/versions/{reference}",
    tags=["versions"],
    summary="One version: name@3, name@champion, or its id · 单个版本：name@3、name@champion 或其 id",
    responses=documented(404),
)
@needs(VIEWER)
def show_version(request: Request, reference: str) -> ModelVersion:
    return version_of(request.app.state.workspace, reference)


@router.get("/datasets", tags=["datasets"], summary="Dataset versions, newest first · 数据集版本，最新在前")
@needs(VIEWER)
def list_datasets(request: Request, limit: Limit = 100) -> list[Dataset]:
    found: list[Dataset] = request.app.state.workspace.store.find(Dataset, newest_first=True, limit=limit)
    return found


@router.get(
    "/datasets/{reference}",
    tags=["datasets"],
    summary="One dataset version, by name or id · 单个数据集版本，按名称或 id",
    responses=documented(404),
)
@needs(VIEWER)
def show_dataset(request: Request, reference: str) -> Dataset:
    return dataset_of(request.app.state.workspace, reference)


@router.get(
    "/signals",
    tags=["signals"],
    summary="What the detectors measured, newest first · 检测器的测量结果，最新在前",
    responses=documented(404),
)
@needs(VIEWER, deployment=ITSELF)
def list_signals(request: Request, deployment: str | None = None, limit: Limit = 100) -> list[Signal]:
    workspace = request.app.state.workspace
    if deployment is not None or caller_in(request).deployments:
        must_reach(request, deployment or "")
    wanted = {} if deployment is None else {"deployment": deployment_of(workspace, deployment).id}
    found: list[Signal] = workspace.store.find(Signal, newest_first=True, limit=limit, **wanted)
    return found
