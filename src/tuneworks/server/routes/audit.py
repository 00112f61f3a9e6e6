"""The audit log: who changed what, and whether it is whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from tuneworks.core.access import ADMINISTRATOR, AuditEntry
from tuneworks.flows.audit import AuditCheck, audit, check_audit
from tuneworks.server.access import needs
from tuneworks.server.problems import documented

router = APIRouter(prefix="/v1/audit", tags=["audit"])
Limit = Annotated[int, Query(ge=1, le=1000)]
Digest = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")]


@router.get("", summary="Changes of state, newest last · 状态变更，最新在后", responses=documented(422))
@needs(ADMINISTRATOR)
def list_entries(request: Request, limit: Limit = 100) -> list[AuditEntry]:
    return audit(limit=limit, workspace=request.app.state.workspace)


@router.get(
    "/check",
    summary="Whether log and records are as they were written · 日志与记录是否保持写入时的原样",
    responses=documented(422),
)
@needs(ADMINISTRATOR)
def check(request: Request, digest: Digest = None) -> AuditCheck:
    return check_audit(digest=digest, workspace=request.app.state.workspace)
