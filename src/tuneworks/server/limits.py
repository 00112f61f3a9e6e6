"""How large a request may be."""

from __future__ import annotations

import re

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.server.languages import header

MOST_BYTES = 32 * 1024 * 1024
MOST_UPLOAD_BYTES = 2**30
MOST_ROWS = 4096
UPLOADS = re.compile(r"/v1/deployments/[^/]+/jobs")


class BoundBodies:
    """Middleware: a body of more than ``most_bytes`` is refused while it comes in, however it is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = header(scope, b"content-length") if scope["type"] == "http" else ""
        most = most_bytes(scope.get("path", ""))
        taken = int(announced) if announced.isdecimal() and int(announced) > most else 0

        async def counted() -> Message:
            nonlocal taken
            if taken <= most:
                message = await receive()
                taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413)
            return message

        await self.app(scope, counted, send)


def most_bytes(path: str) -> int:
    """How large a body may be that is sent there: files are answered as they lie on disk, other bodies in memory."""
    return MOST_UPLOAD_BYTES if UPLOADS.fullmatch(path) else MOST_BYTES


def bounded_rows(rows: int) -> None:
    """Raise ``InvalidInput`` for no rows at all, or too many for one request."""
    if 1 <= rows <= MOST_ROWS:
        return
    raise InvalidInput(
        Text(
            f"The request has {rows} rows; it must have 1 to {MOST_ROWS}.",
            f"请求有 {rows} 行；应为 1 至 {MOST_ROWS} 行。",
        ),
        Text("Send the rows in several requests.", "请分多次请求发送。")
        if rows
        else Text('Send {"rows": [{...}]} or {"row": {...}}.', '请发送 {"rows": [{...}]} 或 {"row": {...}}。'),
    )
