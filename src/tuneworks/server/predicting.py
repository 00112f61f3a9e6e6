"""The short way to an answer: plain requests to predict go past everything that only unusual ones need.

FastAPI describes the route and takes what is unusual (a body that does not fit, a stream); both ways ask alike.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Annotated, Any

import msgspec
from fastapi import Header
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneworks.core.errors import InvalidInput, TooLate, TuneworksError
from tuneworks.core.text import Text
from tuneworks.core.types import Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.answering import Answered, ask
from tuneworks.server.arrivals import arrival
from tuneworks.server.bodies import Predicted, PredictRequest, PredictResponse
from tuneworks.server.exchange import when_left
from tuneworks.server.languages import header
from tuneworks.server.limits import bounded_rows
from tuneworks.server.metering import spend
from tuneworks.server.problems import answer_to, http_problem

BEFORE, AFTER = "/v1/deployments/", "/predict"
INFERRED = re.compile(r"/v2/models/.+/infer")
TIMEOUT = b"x-request-timeout"
MOST_SECONDS = 3600.0
TIMEOUT_ABOUT = (
    "How many seconds the answer may take; after them 504, and what still waits is not answered. "
    "· 允许的作答秒数；超时返回 504，仍在等待的请求不再作答。"
)
Seconds = Annotated[float | None, Header(gt=0, le=MOST_SECONDS, description=TIMEOUT_ABOUT)]
READ = msgspec.json.Decoder(PredictRequest)
WRITE = msgspec.json.Encoder(enc_hook=lambda value: value.item())
JSON = (b"content-type", b"application/json")


class Deadlines:
    """Middleware: how many seconds an answer may take is read, and refused where it is no such number, before all else.

    ``scope["state"]["seconds"]`` holds it, where one is given.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_timed(scope) and (given := header(scope, TIMEOUT)):
            seconds = _seconds(given)
            if seconds is None:
                await answer_to(_no_time(given))(scope, receive, send)
                return
            scope.setdefault("state", {})["seconds"] = seconds
        await self.app(scope, receive, send)


class Predict:
    """Middleware, the innermost: answers plain requests to predict, and lets everything else through."""

    def __init__(self, app: ASGIApp, *, workspace: Workspace) -> None:
        self.app = app
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = deployment_in(scope)
        if name is None:
            await self.app(scope, receive, send)
            return
        try:
            body = await _body(receive)
        except HTTPException as error:
            await (await http_problem(Request(scope), error))(scope, receive, send)
            return
        if body is None:
            return
        plain = _plain(scope, body)
        if plain is None:
            await self.app(scope, _again(body, receive), send)
        else:
            await self._answer(scope, receive, send, name, plain)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, name: str, asked: PredictRequest) -> None:
        seconds = scope.get("state", {}).get("seconds")
        try:
            said = await predicted(self._workspace, name, asked, scope=scope, seconds=seconds)
        except TuneworksError as error:
            await answer_to(error)(scope, receive, send)
            return
        if said is None:
            return
        scope.setdefault("state", {})["model_version"] = said.predictions[0].version
        spend(scope, name, rows_in(asked))
        body = WRITE.encode(said)
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [JSON, length]})
        await send({"type": "http.response.body", "body": body})


async def predicted(
    workspace: Workspace, name: str, asked: PredictRequest, *, scope: Scope, seconds: float | None = None
) -> PredictResponse | None:
    """The answers, one a row; ``None`` where the caller left. Raises ``TooLate`` after so many seconds."""
    answered = await awaited(ask(name, rows_in(asked), keys=asked.keys, workspace=workspace), scope, seconds)
    if answered is None:
        return None
    label = answered.version.label
    return PredictResponse(name, tuple(predicted_as(prediction, label) for prediction in answered.predictions))


async def awaited(waiting: Future[Answered], scope: Scope, seconds: float | None) -> Answered | None:
    """What will be answered, called off when the caller leaves (``None``) or after so many seconds (``TooLate``)."""
    when_left(scope, waiting.cancel)
    try:
        if seconds is None:
            return await arrival(waiting)
        async with asyncio.timeout(seconds):
            return await arrival(waiting)
    except TimeoutError:
        raise _too_late(seconds or 0.0) from None
    except asyncio.CancelledError:
        if waiting.cancelled() and not _is_cancelled():
            return None
        raise


def predicted_as(prediction: Prediction, label: str) -> Predicted:
    """A prediction as it is told, by the label of the version that gave it."""
    return Predicted(prediction.id, prediction.answer, label, prediction.milliseconds, prediction.key)


def rows_in(asked: PredictRequest) -> Sequence[Any]:
    """The rows of a request, or its one row; raises ``InvalidInput`` for none, both, or too many."""
    if (asked.rows is None) == (asked.row is None):
        raise InvalidInput(
            Text('The body must have either "rows" or "row".', '请求体应包含 "rows" 或 "row"，二者择一。'),
            Text(
                'Send {"rows": [{...}, {...}]} or {"row": {...}}.',
                '请发送 {"rows": [{...}, {...}]} 或 {"row": {...}}。',
            ),
        )
    rows = [asked.row] if asked.rows is None else list(asked.rows)
    bounded_rows(len(rows))
    return rows


def deployment_in(scope: Scope) -> str | None:
    """The deployment that is asked to predict, if that is what is asked."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    path = scope["path"]
    if not (path.startswith(BEFORE) and path.endswith(AFTER)):
        return None
    name: str = path[len(BEFORE) : -len(AFTER)]
    return name if name and "/" not in name else None


def _is_timed(scope: Scope) -> bool:
    """Whether it is asked where the time for an answer may be said."""
    return deployment_in(scope) is not None or (scope["type"] == "http" and bool(INFERRED.fullmatch(scope["path"])))


async def _body(receive: Receive) -> bytes | None:
    """The whole body; ``None`` where the client left meanwhile."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _plain(scope: Scope, body: bytes) -> PredictRequest | None:
    """What is asked; ``None`` where it is unusual."""
    if not header(scope, b"content-type").startswith("application/json"):
        return None
    try:
        asked = READ.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return None if asked.stream else asked


def _seconds(given: str) -> float | None:
    """A number of seconds within bounds, else nothing."""
    try:
        seconds = float(given)
    except ValueError:
        return None
    return seconds if 0 < seconds <= MOST_SECONDS else None


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read of a request, to be read once more."""
    told = False

    async def replayed() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _is_cancelled() -> bool:
    """Whether it is this task that was cancelled, rather than what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _no_time(given: str) -> InvalidInput:
    return InvalidInput(
        Text(f"X-Request-Timeout is {given!r}.", f"X-Request-Timeout 为 {given!r}。"),
        Text(
            f"Give seconds, more than 0 and at most {MOST_SECONDS:g}, or leave it out.",
            f"请提供大于 0 且不超过 {MOST_SECONDS:g} 的秒数，或省略该请求头。",
        ),
    )


def _too_late(seconds: float) -> TooLate:
    return TooLate(
        Text(
            f"There was no answer within the {seconds:g} seconds given.",
            f"在给定的 {seconds:g} 秒内没有得到答案。",
        ),
        Text(
            "Allow more time by the header X-Request-Timeout, or ask again when less is asked.",
            "请通过 X-Request-Timeout 请求头放宽时间，或在负载较低时重试。",
        ),
    )
