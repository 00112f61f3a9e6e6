"""Errors as other protocols put them: beside the problem that every error is, what their clients look for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneworks.server.problems import MEDIA_TYPE

Members = dict[str, Any]
Dialect = Callable[[Members], tuple[Members, str]]
OPENAI_PATHS = ("/v1/models", "/v1/embeddings", "/v1/chat/completions", "/v1/completions")
OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class SpeakTheirDialect:
    """Middleware: under the paths of other protocols a problem carries their error, and what is wrong with a request
    is a 400."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        dialect = dialect_of(scope["path"]) if scope["type"] == "http" else None
        await self.app(scope, receive, send if dialect is None else Translation(send, dialect).hear)


class Translation:
    """An answer that is held back where it is a problem, and told in a dialect once it is whole."""

    def __init__(self, send: Send, dialect: Dialect) -> None:
        self._send, self._dialect = send, dialect
        self._start: Message | None = None
        self._body = bytearray()

    async def hear(self, message: Message) -> None:
        """A message of the application."""
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._tell(self._start)

    async def _tell(self, start: Message) -> None:
        said = json.loads(self._body)
        status = 400 if start["status"] == 422 else start["status"]
        told, media_type = self._dialect({**said, "status": status})
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        own = {b"content-type": media_type.encode(), b"content-length": str(len(body)).encode()}
        headers = [*((name, value) for name, value in start["headers"] if name not in own), *own.items()]
        await self._send({**start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def dialect_of(path: str) -> Dialect | None:
    """How errors are told below a path; ``None`` where they are problems and nothing else."""
    if path == "/v2" or path.startswith("/v2/"):
        return inference_protocol
    return openai if any(path == own or path.startswith(f"{own}/") for own in OPENAI_PATHS) else None


def inference_protocol(said: Members) -> tuple[Members, str]:
    """The Open Inference Protocol's error: one text."""
    return {"error": _whole(said), **said}, "application/json"


def openai(said: Members) -> tuple[Members, str]:
    """OpenAI's error: message, type, parameter and code."""
    usual = "server_error" if said["status"] >= 500 else "invalid_request_error"
    field = next((error["field"] for error in said.get("errors") or ()), None)
    kind = OPENAI_TYPES.get(said["status"], usual)
    error = {"message": _whole(said), "type": kind, "param": field, "code": said["code"]}
    return {"error": error, **said}, MEDIA_TYPE


def _whole(said: Mapping[str, Any]) -> str:
    return f"{said['detail']} {said['hint']}"


def _is_problem(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(MEDIA_TYPE.encode()) for name, value in message["headers"])
