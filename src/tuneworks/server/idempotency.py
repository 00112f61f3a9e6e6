"""``Idempotency-Key``: a request sent twice under one key is done once and answered alike, also after a restart."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneworks.core.errors import TuneworksError
from tuneworks.core.replies import Reply
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace
from tuneworks.flows.replies import begin_reply, drop_reply, keep_reply
from tuneworks.server.marks import as_header
from tuneworks.server.problems import answer_to, http_problem, problem

NAME = b"idempotency-key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")
IN_MEMORY = 1 << 20
CHUNK = 1 << 16
MOST_KEPT = 32 * 1024 * 1024
KEPT_HEADERS = (b"content-type", b"location", b"inference-header-content-length")
STREAM = b"text/event-stream"


class KeepReplies:
    """Middleware round the routes: answers to POST requests with a key are stored before they are given.

    Only what was done is kept: an answer that refuses leaves the key free.
    """

    def __init__(self, app: ASGIApp, *, workspace: Workspace) -> None:
        self.app, self._workspace = app, workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = [value for name, value in scope["headers"] if name == NAME] if scope["type"] == "http" else []
        if not given or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        key = given[0].decode("latin-1")
        if len(given) > 1 or not KEY.fullmatch(key):
            await _not_a_key()(scope, receive, send)
            return
        with SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            try:
                request = await _taken(scope, receive, body)
            except HTTPException as error:
                await (await http_problem(Request(scope), error))(scope, receive, send)
                return
            if request is None:
                return
            try:
                reply = await run_in_threadpool(begin_reply, self._workspace, _id(scope, key), request)
            except TuneworksError as error:
                await answer_to(error)(scope, receive, send)
                return
            if reply.status is not None:
                await _given_again(reply, send)
            else:
                await self._answered(scope, _again(body, receive), send, reply)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, reply: Reply) -> None:
        answer = Answer(send, scope)
        try:
            await self.app(scope, receive, answer.hear)
        except BaseException as error:
            await run_in_threadpool(drop_reply, self._workspace, reply)
            if isinstance(error, Exception):
                await answer.release()
            raise
        made = answer.reply(reply)
        if made is None:
            await run_in_threadpool(drop_reply, self._workspace, reply)
        else:
            await run_in_threadpool(keep_reply, self._workspace, made)
        await answer.release()


class Answer:
    """What the application answers: held back until it is stored; a stream of events goes out as it comes."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send, self._scope = send, scope
        self._held: list[Message] = []
        self._start: Message = {}
        self._body = bytearray()
        self._is_whole = self._passes = False

    async def hear(self, message: Message) -> None:
        """A message of the application."""
        if message["type"] == "http.response.start":
            self._start = message
            headers = dict(message.get("headers", ()))
            self._passes = headers.get(b"content-type", b"").startswith(STREAM)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")[: MOST_KEPT + 1 - len(self._body)]
            self._is_whole = not message.get("more_body", False)
            self._passes = self._passes or len(self._body) > MOST_KEPT
        self._held.append(message)
        if self._passes:
            await self.release()

    async def release(self) -> None:
        """Give away what was held back."""
        held, self._held = self._held, []
        for message in held:
            await self._send(message)

    def reply(self, begun: Reply) -> Reply | None:
        """What is stored of it; nothing where it did not come to an end, refuses, or is too large to be kept."""
        status = self._start.get("status", 500)
        if not self._is_whole or not 200 <= status < 300 or len(self._body) > MOST_KEPT:
            return None
        headers = {n.decode(): v.decode("latin-1") for n, v in self._start["headers"] if n in KEPT_HEADERS}
        if version := self._scope.get("state", {}).get("model_version"):
            headers["x-model-version"] = as_header(version)
        try:
            return replace(begun, status=status, headers=headers, body=self._body.decode())
        except UnicodeDecodeError:
            body = base64.b64encode(self._body).decode()
            return replace(begun, status=status, headers=headers, body=body, binary=True)


async def _taken(scope: Scope, receive: Receive, body: Any) -> str | None:
    """Read the whole body; a hash of all that is asked, or nothing where the client left."""
    asked = [scope["method"], scope["path"], scope["query_string"].decode("latin-1")]
    digest = sha256(json.dumps(asked).encode())
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        digest.update(message.get("body", b""))
        body.write(message.get("body", b""))
        if not message.get("more_body", False):
            body.seek(0)
            return digest.hexdigest()


def _again(body: Any, receive: Receive) -> Callable[[], Any]:
    """What was read, for the application to read; then whatever still comes."""
    over = False

    async def replayed() -> Message:
        nonlocal over
        if over:
            return await receive()
        chunk = body.read(CHUNK)
        over = len(chunk) < CHUNK
        return {"type": "http.request", "body": chunk, "more_body": not over}

    return replayed


async def _given_again(reply: Reply, send: Send) -> None:
    body = base64.b64decode(reply.body) if reply.binary else reply.body.encode()
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    own = [(b"content-length", str(len(body)).encode()), (b"idempotent-replayed", b"true")]
    await send({"type": "http.response.start", "status": reply.status, "headers": [*headers, *own]})
    await send({"type": "http.response.body", "body": body})


def _id(scope: Scope, key: str) -> str:
    """The same for the same caller, place and key alone: nobody reaches another's answers."""
    caller = scope.get("state", {}).get("caller")
    who = caller.key_id if caller else None
    return sha256(json.dumps([who, scope["method"], scope["path"], key]).encode()).hexdigest()


def _not_a_key() -> Any:
    return problem(
        400,
        "InvalidInput",
        Text(
            "The Idempotency-Key is not one text of 1 to 255 ASCII characters without spaces.",
            "Idempotency-Key 应为 1 至 255 个不含空格的 ASCII 字符。",
        ),
        Text("Send a fresh UUID for every new request.", "请为每个新请求发送一个新的 UUID。"),
    )
