"""What every answer says of itself: ``X-Request-Id``, and ``X-Model-Version`` where a model answered."""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneworks.core.requests import new_request_id, working_for
from tuneworks.server.languages import header

REQUEST_ID, MODEL_VERSION = b"x-request-id", b"x-model-version"
GIVEN = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


class MarkAnswers:
    """Middleware: a caller's own request id is kept where it is one, else one is made."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = header(scope, REQUEST_ID)
        id = given if GIVEN.fullmatch(given) else new_request_id()
        state = scope.setdefault("state", {})
        state["request_id"] = id

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                version = state.get("model_version")
                own = [(REQUEST_ID, id.encode()), *([(MODEL_VERSION, as_header(version).encode())] if version else [])]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        with working_for(id):
            await self.app(scope, receive, marked)


def answered_by(request: Request, label: str) -> None:
    """Note the version that answers a request, for the header."""
    request.scope.setdefault("state", {})["model_version"] = label


def as_header(label: str) -> str:
    """A version's label as a header can carry it: other letters than ASCII stand as in a URL."""
    return label if label.isascii() else quote(label, safe="@")
