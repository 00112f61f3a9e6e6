"""Texts sent as they are written: server-sent events, ``piece`` by ``piece``, the logged ``prediction`` last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any
from weakref import WeakSet

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from tuneworks.core.errors import TuneworksError
from tuneworks.core.records import to_json
from tuneworks.core.types import Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.predict import answer_streamed
from tuneworks.flows.prediction_log import prediction_log_of
from tuneworks.flows.references import deployment_of
from tuneworks.server.bodies import Predicted
from tuneworks.server.limits import MOST_TEXTS, crowded
from tuneworks.server.marks import answered_by
from tuneworks.server.problems import problem

EVENT_STREAM = "text/event-stream"
STREAM_EXAMPLE = {
    "example": 'event: piece\ndata: "The parcel"\n\nevent: piece\ndata: " is late."\n\n'
    'event: prediction\ndata: {"id": "pred-5f0c3a9be1d24c77", "answer": {"text": "The parcel is late."}}\n\n'
}


class Texts:
    """The texts that are being written, which take turns; one that nobody reads any more goes by itself."""

    def __init__(self) -> None:
        self._pieces: WeakSet[Generator[str, None, Prediction]] = WeakSet()

    def begin(self, *pieces: Generator[str, None, Prediction]) -> None:
        """Count texts that are about to be written; raises ``Overloaded`` where too many are."""
        under_way = sum(getgeneratorstate(one) != GEN_CLOSED for one in self._pieces)
        if under_way and under_way + len(pieces) > MOST_TEXTS:
            raise crowded(under_way)
        self._pieces.update(pieces)


async def streamed(request: Request, name: str, row: Any, keys: Sequence[str] | None) -> StreamingResponse:
    """The answer to a row as events; what is wrong with the request is an error before the first of them."""
    workspace = request.app.state.workspace
    if "@" in name:
        deployment_of(workspace, name)
    version, pieces = await run_in_threadpool(_begun, workspace, name, row, keys)
    request.app.state.texts.begin(pieces)
    answered_by(request, version.label)
    return StreamingResponse(_events(workspace, version.label, pieces), media_type=EVENT_STREAM)


def _begun(workspace: Workspace, name: str, row: Any, keys: Sequence[str] | None) -> Any:
    return answer_streamed(name, row, key=keys[0] if keys else None, workspace=workspace)


async def _events(workspace: Workspace, label: str, pieces: Generator[str, None, Prediction]) -> AsyncIterator[str]:
    try:
        while isinstance(made := await run_in_threadpool(next_piece, pieces), str):
            if made:
                yield event("piece", made)
        await prediction_log_of(workspace).append_async([made])
        yield event("prediction", Predicted(made.id, made.answer, label, made.milliseconds, made.key))
    except TuneworksError as error:
        told = problem(error.http_status, error.code, error.problem, error.fix)
        yield f"event: problem\ndata: {bytes(told.body).decode()}\n\n"
    finally:
        pieces.close()


def next_piece(pieces: Generator[str, None, Prediction]) -> str | Prediction:
    """The next piece, or the prediction where there is none."""
    try:
        return next(pieces)
    except StopIteration as end:
        made: Prediction = end.value
        return made


def event(name: str, value: Any) -> str:
    """A server-sent event; its data is one line of JSON."""
    return f"event: {name}\ndata: {to_json(value)}\n\n"
