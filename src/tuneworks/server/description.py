"""What ``/openapi.json`` says of every operation alike: how anybody may be refused, and the headers that all know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from tuneworks.server.dialects import Dialect, dialect_of
from tuneworks.server.problems import documented

ALWAYS = (400, 413, 421, 503)
WITH_A_KEY = (401, 403, 429)
WITH_A_BODY = (408, 409)
REQUEST_ID = {"description": "The request's id: yours (`X-Request-Id`), else a new one.", "schema": {"type": "string"}}
KEY = {"key": {"type": "http", "scheme": "bearer", "description": "A key: `tuneworks new key NAME --role ROLE`."}}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent twice under one key within 24 hours, a request is done once and answered alike.",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
}


def describe(app: FastAPI, public: frozenset[tuple[str, str]]) -> None:
    """Have the app's description say so of every operation; ``public``: those that need no key."""
    own = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            said = own()
            said.setdefault("components", {})["securitySchemes"] = KEY
            for path, operations in said["paths"].items():
                for method, operation in operations.items():
                    _complete(operation, path, method.upper(), (method.upper(), path) in public)
        return own()

    app.openapi = described  # type: ignore[method-assign]


def _complete(operation: dict[str, Any], path: str, method: str, is_public: bool) -> None:
    answers = operation["responses"]
    statuses = [*ALWAYS, *(() if is_public else WITH_A_KEY), *(WITH_A_BODY if method == "POST" else ())]
    if "422" in answers:
        statuses.append(422)
    for status, problem in documented(*statuses).items():
        if status == 422 or str(status) not in answers:
            answers[str(status)] = problem
    if dialect := dialect_of(path):
        answers.pop("422", None)
        _translate(answers, dialect)
    for answer in answers.values():
        answer.setdefault("headers", {})["X-Request-Id"] = REQUEST_ID
    if method == "POST":
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    if not is_public:
        operation["security"] = [{name: [] for name in KEY}]


def _translate(answers: dict[str, Any], dialect: Dialect) -> None:
    """Problems there carry the protocol's own error too, under its own media type."""
    for status, answer in answers.items():
        if int(status) >= 400:
            _, media_type = dialect({"status": int(status), "detail": "", "hint": "", "code": ""})
            answer["content"] = {media_type: next(iter(answer["content"].values()))}
