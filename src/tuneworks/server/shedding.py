"""Refused before anything is made of it: a request to predict while more wait than may."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from tuneworks.core.workspace import Workspace
from tuneworks.flows.answering import refusal
from tuneworks.flows.figures import note_failure
from tuneworks.server.idempotency import NAME as IDEMPOTENCY_KEY
from tuneworks.server.languages import header
from tuneworks.server.predicting import deployment_in
from tuneworks.server.problems import answer_to


class Shed:
    """Middleware after the guard: the body of what is refused is not read.

    A request whose answer may be stored already (``Idempotency-Key``) is let through.
    """

    def __init__(self, app: ASGIApp, *, workspace: Workspace) -> None:
        self.app = app
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = deployment_in(scope)
        error = None if name is None else refusal(self._workspace)
        if name is None or error is None or header(scope, IDEMPOTENCY_KEY):
            await self.app(scope, receive, send)
            return
        note_failure(name, error)
        await answer_to(error)(scope, receive, send)
