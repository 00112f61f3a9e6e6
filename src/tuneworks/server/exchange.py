"""One request and its answer, as the application sees them: ASGI's ``receive`` and ``send``."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuneworks.server.connection import Connection

BUFFERED_BYTES = 64 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES = {int(status): f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
WITHOUT_BODY = (204, 304)
LEFT = "tuneworks.left"
"""The scope's extension that calls back when the client leaves before it was answered."""
LEFT_STATUS = 499  # told to nobody; the log of requests has it


def when_left(scope: Mapping[str, Any], callback: Callable[[], Any]) -> None:
    """Call back when who sent the request leaves before it was answered, where the port tells."""
    if told := scope.get("extensions", {}).get(LEFT):
        told(callback)


class Exchange:
    """What came of a request so far, and what was sent of its answer."""

    def __init__(self, connection: Connection, scope: dict[str, Any], keep_alive: bool, expects: bool) -> None:
        self.connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        self.expects = expects
        self.body = bytearray()
        self.is_read = self.is_started = self.is_over = self.is_left = False
        self._left: Callable[[], None] | None = None
        self._more = asyncio.Event()
        self._is_told = False
        self._head = b""
        self._chunked = False
        self._owed = 0
        scope["extensions"] = {LEFT: self.on_left}

    async def run(self, app: Any) -> None:
        """Have the application answer; what it fails to say is said for it."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:
            if not self.is_started:  # else the application has said so itself
                traceback.print_exception(error, file=sys.stderr)
        finally:
            if not self.is_over:
                self.connection.broken(self)
            self.scope = {}  # it speaks of this exchange: nothing is left for the collector of circles

    def on_left(self, callback: Callable[[], None]) -> None:
        """Call back when the client leaves before it was answered."""
        self._left = callback
        if self.is_left:
            callback()

    def leave(self) -> None:
        """The client is gone."""
        self.is_left = not self.is_over
        self._more.set()
        if self.is_left and self._left is not None:
            self._left()

    def feed(self, data: bytes) -> None:
        """More of the body came."""
        if not self.is_over:
            self.body += data
            self._more.set()

    def end(self) -> None:
        """The body is whole."""
        self.is_read = True
        self._more.set()

    async def receive(self) -> dict[str, Any]:
        """The next of the body; after it, the client's leaving."""
        if self.expects and not self.is_read:
            self.connection.write(CONTINUE)
        self.expects = False
        while not self._has_news:
            self._more.clear()
            await self._more.wait()
        if self.is_over or self.is_left:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        self._is_told = self.is_read
        self.connection.taken()
        return {"type": "http.request", "body": body, "more_body": not self.is_read}

    @property
    def _has_news(self) -> bool:
        return self.is_over or self.is_left or bool(self.body) or (self.is_read and not self._is_told)

    async def send(self, message: dict[str, Any]) -> None:
        """The answer's head, then its body; nothing is sent to a client that has left."""
        if self.is_left:
            return
        if message["type"] == "http.response.start":
            self._start(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body":
            await self._send(message.get("body", b""), message.get("more_body", False))

    def _start(self, status: int, headers: Any) -> None:
        self.is_started = True
        lines = [STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n".encode()]
        length = None
        for name, value in headers:
            if b"\n" in value or b"\r" in value:
                raise ValueError(f"the header {name!r} has a line break in it")
            if name == b"content-length":
                length = int(value)
            elif name == b"connection":
                self.keep_alive = self.keep_alive and b"close" not in value.lower()
                continue
            lines += (name, b": ", value, b"\r\n")
        bodiless = self.scope["method"] == "HEAD" or status in WITHOUT_BODY
        self._owed = 0 if bodiless else length or 0
        self._chunked = length is None and not bodiless and self.scope["http_version"] == "1.1"
        if self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        self.keep_alive = self.keep_alive and (self._chunked or length is not None or bodiless)
        self.keep_alive = self.connection.stays(self)
        lines += (self.connection.date, b"" if self.keep_alive else b"connection: close\r\n", b"\r\n")
        self._head = b"".join(lines)
        if length is None:
            self._flush(b"")

    def _flush(self, body: bytes) -> None:
        if self._head or body:
            self.connection.write(self._head + body)
        self._head = b""

    async def _send(self, body: bytes, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            body = b""
        if self._chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        else:
            self._owed -= len(body)
        self._flush(body)
        if not more:
            self.is_over = True
            self._more.set()
            self.connection.answered(self, is_whole=self._owed <= 0)
        elif self.connection.is_stalled:
            await self.connection.flowing()
