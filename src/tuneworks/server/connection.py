"""One HTTP/1.1 connection: bytes come in, requests are answered one after another, and nobody may be slow for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import httptools

from tuneworks.core.text import Text
from tuneworks.server.exchange import BUFFERED_BYTES, STATUS_LINES, Exchange
from tuneworks.server.problems import problem

if TYPE_CHECKING:
    from tuneworks.server.listening import Listening

IDLE_SECONDS = 75.0
HEAD_SECONDS = 15.0
BODY_SECONDS = 15.0
STALLED_SECONDS = 15.0
LINGER_SECONDS = 5.0
BODY_BYTES_A_SECOND = 16 * 1024
HEAD_BYTES = 64 * 1024
HEADERS = 128

IDLE, HEAD, BODY, ANSWER, LINGER = "idle", "head", "body", "answer", "linger"
"""What a connection waits for: a request, the rest of its head, of its body, the application, the client's end."""

BAD = 400, Text("This is not an HTTP request.", "这不是有效的 HTTP 请求。")
LARGE = 431, Text("The request's head is too large.", "请求头过大。")
SLOW = 408, Text("The request came in too slowly.", "请求发送过慢。")
BUG = 500, Text("The server met an error it did not expect.", "服务器遇到未预料的错误。")
HINTS = {
    400: Text("Send HTTP/1.1.", "请使用 HTTP/1.1。"),
    431: Text("Send fewer or shorter headers.", "请减少或缩短请求头。"),
    408: Text("Send it again, faster.", "请更快地重新发送。"),
    500: Text("The server's output has the details.", "详情见服务器输出。"),
}


class Connection(asyncio.Protocol):
    """Bytes from a client as exchanges with the application, one at a time."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._exchange: Exchange | None = None
        self._next: list[Exchange] = []
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._names: dict[str, Any] = {}
        self._phase, self._since = HEAD, listening.time()
        self._head_bytes = self._body_bytes = 0
        self._unsent, self._unsent_since = 0, 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._is_paused = False

    # -- asyncio ----------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """A client is there."""
        self._transport = transport
        self._names = {
            "server": transport.get_extra_info("sockname")[:2],
            "client": transport.get_extra_info("peername")[:2],
            "scheme": "https" if transport.get_extra_info("ssl_object") else "http",
        }
        self._listening.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone, or was sent away."""
        self._listening.connections.discard(self)
        self._flowing.set()
        for exchange in [*([self._exchange] if self._exchange else []), *self._next]:
            exchange.leave()
        self._next.clear()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request; what is no HTTP is told so."""
        if self._phase == LINGER:
            return
        if self._phase == IDLE:
            self._enter(HEAD)
        if self._phase != BODY:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse_more()
        except httptools.HttpParserError:
            self._refuse(*(LARGE if len(self._headers) > HEADERS else BAD))
        if self._phase != LINGER and self._head_bytes > HEAD_BYTES:
            self._refuse(*LARGE)

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        self._flowing.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._flowing.set()

    # -- the parser -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if len(self._headers) > HEADERS:
            raise ValueError(f"more than {HEADERS} headers")
        self._head_bytes = 0
        parser, url = self._parser, httptools.parse_url(self._url)
        version = parser.get_http_version()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "path": unquote_to_bytes(url.path).decode("utf-8", "replace"),
            "raw_path": url.path,
            "query_string": url.query or b"",
            "root_path": "",
            "headers": self._headers,
            "state": {},
            **self._names,
        }
        expects = any(name == b"expect" and value.lower() == b"100-continue" for name, value in self._headers)
        exchange = Exchange(self, scope, version == "1.1" and parser.should_keep_alive(), expects)
        self._reading = exchange
        if self._exchange is None:
            self._begin(exchange)
        else:
            self._next.append(exchange)
            self._pause()

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        self._reading.feed(data)
        if len(self._reading.body) > BUFFERED_BYTES:
            self._pause()

    def on_message_complete(self) -> None:
        self._reading.end()
        if self._reading is self._exchange:
            self._enter(ANSWER)

    # -- what an exchange asks of its connection -------------------------------------------------

    @property
    def date(self) -> bytes:
        return self._listening.date

    @property
    def is_stalled(self) -> bool:
        return not self._flowing.is_set()

    async def flowing(self) -> None:
        """Wait until the client takes what it is sent."""
        await self._flowing.wait()

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def stays(self, exchange: Exchange) -> bool:
        """Whether the connection is kept after this answer; not where the server stops or the body was not read."""
        return exchange.keep_alive and exchange.is_read and not (self._listening.is_draining and not self._next)

    def taken(self) -> None:
        """The application has taken what had come of the body."""
        if self._is_paused and not self._next:
            self._resume()

    def answered(self, exchange: Exchange, *, is_whole: bool) -> None:
        """The answer is sent: go on with the next request, or say good-bye."""
        self._exchange = None
        if not is_whole or (not exchange.keep_alive and exchange.is_read):
            self._close()
        elif not exchange.keep_alive:
            self._linger()
        elif self._next:
            self._begin(self._next.pop(0))
        else:
            self._enter(HEAD if self._head_bytes else IDLE)
        if self._is_paused and not self._next:
            self._resume()

    def broken(self, exchange: Exchange) -> None:
        """The application went without answering."""
        if exchange.is_left:
            return
        if not exchange.is_started:
            self._refuse(*BUG)
        else:
            self._transport.abort()

    # -- time -------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Send away who is too slow, and while the server stops who asks no more."""
        if self._is_stuck(now):
            self._transport.abort()
            return
        waited = now - self._since
        if self._phase == IDLE and waited > IDLE_SECONDS:
            self._close()
        elif (self._phase == HEAD and waited > HEAD_SECONDS) or (
            self._phase == BODY
            and not self._is_paused
            and waited > BODY_SECONDS + self._body_bytes / BODY_BYTES_A_SECOND
        ):
            self._refuse(*SLOW)
        elif self._phase == LINGER and waited > LINGER_SECONDS:
            self._transport.abort()

    def _is_stuck(self, now: float) -> bool:
        """Whether the client has taken nothing of what it is sent for too long."""
        unsent = self._transport.get_write_buffer_size()
        if not unsent or unsent < self._unsent:
            self._unsent_since = now
        stuck = unsent > 0 and self._unsent > 0 and now - self._unsent_since > STALLED_SECONDS
        self._unsent = unsent
        return stuck

    def leave_if_quiet(self, now: float, seconds: float) -> None:
        """While the server stops: close a connection on which nothing was asked for so long."""
        quiet = self._phase in (IDLE, HEAD) and self._head_bytes == 0
        if quiet and now - self._since > seconds:
            self._close()

    def abort(self) -> None:
        """Send the client away at once."""
        self._transport.abort()

    # -- helpers ----------------------------------------------------------------------------------

    def _begin(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._body_bytes = 0
        self._enter(ANSWER if exchange.is_read else BODY)
        self._listening.start(exchange)

    def _enter(self, phase: str) -> None:
        self._phase, self._since = phase, self._listening.time()

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._is_paused = False
        self._since = self._listening.time()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _refuse(self, status: int, detail: Text) -> None:
        """Say what is wrong, if an answer has not begun, and part."""
        if self._exchange is None or not self._exchange.is_started:
            said = problem(status, "InvalidInput" if status < 500 else "InternalError", detail, HINTS[status])
            head = f"content-type: {said.media_type}\r\ncontent-length: {len(said.body)}\r\nconnection: close\r\n\r\n"
            self.write(STATUS_LINES[status] + head.encode() + said.body)
        if self._exchange is not None:
            self._exchange.leave()
            self._exchange = None
        self._linger()

    def _refuse_more(self) -> None:
        """After a wish to speak another protocol: the request is answered, what follows it is not read."""
        if self._exchange is not None:
            self._exchange.keep_alive = False

    def _linger(self) -> None:
        """End our side, and take what the client still sends for a while, so that it can read why."""
        self._enter(LINGER)
        if self._is_paused:
            self._resume()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _close(self) -> None:
        self._transport.close()
