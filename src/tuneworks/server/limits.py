"""How large a request may be, and how many may be at work that take long."""

from __future__ import annotations

import re
import threading

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneworks.core.errors import InvalidInput, Overloaded
from tuneworks.core.text import Text
from tuneworks.server.languages import header

MOST_BYTES = 32 * 1024 * 1024
MOST_UPLOAD_BYTES = 2**30
MOST_ROWS = 4096
MOST_LONG, MOST_TEXTS, MOST_JOBS = 8, 24, 8  # the first two together leave threads to all else
RETRY_SECONDS = 2
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


class AtMost:
    """So much work at once of a kind that takes long, each in a thread that others wait for too; more is refused."""

    def __init__(self, most: int) -> None:
        self._most, self._under_way, self._turn = most, 0, threading.Lock()

    def __enter__(self) -> None:
        with self._turn:
            if self._under_way >= self._most:
                raise crowded(self._under_way)
            self._under_way += 1

    def __exit__(self, *exception: object) -> None:
        with self._turn:
            self._under_way -= 1


def crowded(under_way: int) -> Overloaded:
    """The error of a request past what is worked on at once."""
    return Overloaded(
        Text(
            f"{under_way} such requests are under way already; this one was refused.",
            f"已有 {under_way} 个此类请求正在处理；本请求被拒绝。",
        ),
        Text(f"Ask again in {RETRY_SECONDS} seconds.", f"请在 {RETRY_SECONDS} 秒后重试。"),
        RETRY_SECONDS,
    )


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
