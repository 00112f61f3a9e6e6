"""What is noted of every request: how long it took, who asked which version, and how it ended; never what was asked."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneworks.core.meters import HTTP_SECONDS, observe
from tuneworks.core.tracing import is_traced, sent_by
from tuneworks.server.journal import Journal
from tuneworks.server.languages import header
from tuneworks.server.problems import bug
from tuneworks.server.security import with_headers

PARENT = b"traceparent"
ELSEWHERE = "(none)"
OF_A_DEPLOYMENT = "/v1/deployments/{name}"
PREDICTED = f"{OF_A_DEPLOYMENT}/predict"


class WatchRequests:
    """Middleware: a figure and a line of the log for each request, and an answer where nobody had one."""

    def __init__(self, app: ASGIApp, *, journal: Journal) -> None:
        self.app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with sent_by(header(scope, PARENT)) if is_traced() else nullcontext():
                await self.app(scope, receive, noted)
        except Exception as error:
            if status:
                raise
            await (await bug(Request(scope), error))(scope, receive, with_headers(scope, noted))
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route, method = route_of(scope), scope["method"]
        observe(HTTP_SECONDS, seconds, method, route, str(status))
        if not self._journal.is_on:
            return
        state = scope.get("state", {})
        caller = state.get("caller")
        said: dict[str, Any] = {
            "level": "error" if status >= 500 else "info",
            "request_id": state.get("request_id"),
            "key_id": caller.key_id if caller else None,
            "method": method,
            "route": route,
            "status": status,
            "deployment": deployment_of(scope, route) if 0 < status < 400 else None,
            "version": state.get("model_version"),
            "milliseconds": round(seconds * 1000, 3),
        }
        self._journal.say("request", **{name: value for name, value in said.items() if value is not None})


def route_of(scope: Scope) -> str:
    """The route's pattern: a path may hold what nobody should read in a log, or name too many figures."""
    path = getattr(scope.get("route"), "path", None)
    if path is not None:
        return str(path)
    parts = scope["path"].split("/")
    return PREDICTED if [*parts[:3], *parts[4:]] == ["", "v1", "deployments", "predict"] else ELSEWHERE


def deployment_of(scope: Scope, route: str) -> str | None:
    """The deployment that a route which was found is about."""
    return str(scope["path"].split("/")[3]) if route.startswith(OF_A_DEPLOYMENT) else None
