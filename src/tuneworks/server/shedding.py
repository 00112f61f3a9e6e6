"""Refused before anything is made of it: a request to predict while more wait than may."""

from __future__ import annotations

from contextlib import nullcontext

from starlette.types import ASGIApp, Receive, Scope, Send

from tuneworks.core.text import language
from tuneworks.core.workspace import Workspace
from tuneworks.flows.answering import refusal
from tuneworks.server.languages import chosen_language
from tuneworks.server.predicting import deployment_in
from tuneworks.server.problems import answer_to
from tuneworks.server.security import with_headers


class Shed:
    """Middleware before the guard: who asks is not looked at, since all are refused alike."""

    def __init__(self, app: ASGIApp, *, workspace: Workspace) -> None:
        self.app = app
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = deployment_in(scope)
        error = None if name is None else refusal(name, self._workspace)
        if error is None:
            await self.app(scope, receive, send)
            return
        chosen = chosen_language(scope)
        with language(chosen) if chosen else nullcontext():
            answer = answer_to(error)
        await answer(scope, receive, with_headers(scope, send))
