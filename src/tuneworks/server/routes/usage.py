"""What was used, by whom: of every key for administrators, of its own for any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import PlainTextResponse

from tuneworks.core.access import ADMINISTRATOR, VIEWER, Usage
from tuneworks.flows.usage import meter_of, usage, usage_csv
from tuneworks.server.access import ITSELF, caller_in, needs
from tuneworks.server.problems import documented

router = APIRouter(prefix="/v1/usage", tags=["usage"])
TABLE = "text/csv; charset=utf-8"
AS: dict[str, Callable[[list[Usage]], Any]] = {
    "json": lambda found: found,
    "csv": lambda found: PlainTextResponse(usage_csv(found), media_type=TABLE),
}
Month = Annotated[str | None, Query(pattern="^[0-9]{4}-[0-9]{2}$", examples=["2026-11"])]


@router.get(
    "",
    summary="What each key used of each deployment in each hour · 各密钥每小时对各部署的用量",
    response_model=list[Usage],
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **documented(422)},
)
@needs(VIEWER, deployment=ITSELF)
def list_usage(
    request: Request, month: Month = None, key: str | None = None, format: Literal["json", "csv"] = "json"
) -> Any:
    caller, workspace = caller_in(request), request.app.state.workspace
    meter_of(workspace).write()
    wanted = key if caller.may(ADMINISTRATOR) else caller.key_id
    found = usage(key=wanted, month=month, workspace=workspace)
    return AS[format](found)
