"""Keys: made, listed, revoked by administrators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request

from tuneworks.core.access import ADMINISTRATOR, ApiKey
from tuneworks.flows.keys import Limits, NewKey, key_of, keys, new_key, revoke
from tuneworks.server.access import needs
from tuneworks.server.problems import documented

router = APIRouter(prefix="/v1/keys", tags=["keys"])
EXAMPLES: Any = {
    "a shop's": {"value": {"name": "shop", "role": "viewer", "deployments": ["tickets"], "days": 90, "rate": 600}},
    "a reviewer's": {"value": {"name": "review desk", "role": "labeller"}},
}


@dataclass(frozen=True)
class KeyRequest:
    """Who gets a key, in which role and within which limits: ``days`` valid, ``rate`` requests a minute,
    ``quota`` rows a calendar month; ``deployments`` it is for, all where there are none."""

    name: str
    role: Literal["viewer", "labeller", "operator", "administrator"]
    days: int | None = None
    deployments: tuple[str, ...] = ()
    rate: int | None = None
    quota: int | None = None


@router.post(
    "",
    summary="Make a key; its token is in the answer and nowhere else · 创建密钥；令牌仅在此应答中给出",
    status_code=201,
    responses=documented(400, 422),
)
@needs(ADMINISTRATOR)
def make_key(request: Request, body: Annotated[KeyRequest, Body(openapi_examples=EXAMPLES)]) -> NewKey:
    limits = Limits(body.days, body.deployments, body.rate, body.quota)
    return new_key(body.name, role=body.role, limits=limits, workspace=request.app.state.workspace)


@router.get("", summary="All keys, without their tokens · 所有密钥（不含令牌）")
@needs(ADMINISTRATOR)
def list_keys(request: Request) -> list[ApiKey]:
    return keys(workspace=request.app.state.workspace)


@router.get("/{id}", summary="One key · 单个密钥", responses=documented(404))
@needs(ADMINISTRATOR)
def show_key(request: Request, id: str) -> ApiKey:
    return key_of(request.app.state.workspace, id)


@router.delete(
    "/{id}", summary="Revoke a key: within a second it opens nothing · 撤销密钥，一秒内失效", responses=documented(404)
)
@needs(ADMINISTRATOR)
def revoke_key(request: Request, id: str) -> ApiKey:
    return revoke(id, workspace=request.app.state.workspace)
