"""OpenAI's interface: models, embeddings, completions of conversations and of prompts."""

from __future__ import annotations

import base64
import json
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from tuneworks.core.access import VIEWER
from tuneworks.core.errors import TuneworksError
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment
from tuneworks.core.workspace import Workspace
from tuneworks.flows.complete import Completion, complete
from tuneworks.flows.embed import Embedded, embed
from tuneworks.flows.prediction_log import prediction_log_of
from tuneworks.flows.references import deployment_of
from tuneworks.server.access import ITSELF, caller_in, must_reach, needs
from tuneworks.server.dialects import openai as dialect
from tuneworks.server.exchange import LEFT_STATUS, when_left
from tuneworks.server.marks import answered_by
from tuneworks.server.metering import spend
from tuneworks.server.openai_bodies import (
    ChatRequest,
    CompletionRequest,
    EmbeddingsRequest,
    Unsupported,
    Writing,
    conversation,
    includes_usage,
    must_be_neutral,
)
from tuneworks.server.problems import answer_to, documented
from tuneworks.server.streams import EVENT_STREAM, next_piece

router = APIRouter(prefix="/v1", tags=["openai"])
DONE = "data: [DONE]\n\n"
WRITTEN = documented(400, 404, 503)
T = TypeVar("T")
Choice = Callable[[int, str | None, str | None], dict[str, Any]]


@router.get("/models", summary="Deployments as models · 部署列表（模型）")
@needs(VIEWER, deployment=ITSELF)
def list_models(request: Request) -> dict[str, Any]:
    caller, store = caller_in(request), request.app.state.workspace.store
    return {"object": "list", "data": [_model(one) for one in store.find(Deployment) if caller.reaches(one.id)]}


@router.get("/models/{model}", summary="One deployment as a model · 单个部署（模型）", responses=documented(404))
@needs(VIEWER, deployment="model")
def show_model(request: Request, model: str) -> dict[str, Any]:
    return _model(deployment_of(request.app.state.workspace, model))


@router.post("/embeddings", summary="Vectors of texts by a deployment's encoder · 文本向量", responses=WRITTEN)
@needs(VIEWER, deployment=ITSELF)
async def embeddings(request: Request, body: EmbeddingsRequest) -> dict[str, Any]:
    must_reach(request, body.model)
    if body.encoding_format not in ENCODINGS:
        raise Unsupported(
            "encoding_format",
            Text(f"There is no encoding {body.encoding_format!r}.", f"没有编码格式 {body.encoding_format!r}。"),
            Text(f"Choose one of: {', '.join(ENCODINGS)}", f"可选：{'、'.join(ENCODINGS)}"),
        )
    texts = (body.input,) if isinstance(body.input, str) else body.input

    def embedded() -> Embedded:
        with request.app.state.long_work:
            return embed(body.model, texts, workspace=request.app.state.workspace)

    made = await run_in_threadpool(embedded)
    answered_by(request, made.version.label)
    spend(request.scope, body.model, texts, tokens=made.tokens)
    _must_have(body.dimensions, len(made.vectors[0]))
    encoded = ENCODINGS[body.encoding_format]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": place, "embedding": encoded(vector)}
            for place, vector in enumerate(made.vectors)
        ],
        "model": body.model,
        "usage": {"prompt_tokens": made.tokens, "total_tokens": made.tokens},
    }


@router.post(
    "/chat/completions",
    summary="Go on with a conversation · 对话补全",
    responses={200: {"content": {EVENT_STREAM: {}}}, **WRITTEN},
)
@needs(VIEWER, deployment=ITSELF)
async def chat(request: Request, body: ChatRequest) -> Any:
    must_reach(request, body.model)
    must_be_neutral(body)
    begun = await _begun(request, body, [conversation(body.messages)], body.most)
    if body.stream:
        return _stream(request, body, begun, "chat.completion.chunk", _chat_delta)
    return await _whole(request, body, begun, "chat.completion", _chat_choice)


@router.post(
    "/completions",
    summary="Answer a prompt, or several · 文本补全",
    responses={200: {"content": {EVENT_STREAM: {}}}, **WRITTEN},
)
@needs(VIEWER, deployment=ITSELF)
async def completions(request: Request, body: CompletionRequest) -> Any:
    must_reach(request, body.model)
    must_be_neutral(body)
    prompts = [body.prompt] if isinstance(body.prompt, str) else list(body.prompt)
    begun = await _begun(request, body, prompts, body.most)
    if body.stream:
        return _stream(request, body, begun, "text_completion", _text_choice)
    return await _whole(request, body, begun, "text_completion", _text_choice)


# -- answers -----------------------------------------------------------------------------------------


async def _begun(request: Request, body: Writing, said: Sequence[Any], most: int | None) -> list[Completion]:
    """The completions that were asked for; what is wrong with one is told before any of them is written."""
    workspace = request.app.state.workspace

    def all_of_them() -> list[Completion]:
        return [complete(body.model, one, most=most, workspace=workspace) for one in said]

    begun = await run_in_threadpool(all_of_them)
    request.app.state.texts.begin(*(one.pieces for one in begun))
    answered_by(request, begun[0].version.label)
    spend(request.scope, body.model, said)
    return begun


async def _whole(request: Request, body: Writing, begun: Sequence[Completion], kind: str, choice: Choice) -> Any:
    choices = []
    async for place, text in _counted(request, body, begun, _texts(request, begun)):
        choices.append(choice(place, text, _reason(begun[place])))
    if len(choices) < len(begun):
        return Response(status_code=LEFT_STATUS)
    return {**_head(body, begun, kind), "choices": choices, "usage": _usage(begun)}


def _stream(request: Request, body: Writing, begun: Sequence[Completion], kind: str, choice: Choice) -> Response:
    chunks = _chunks(request.app.state.workspace, body, begun, kind, choice)
    return StreamingResponse(_counted(request, body, begun, chunks), media_type=EVENT_STREAM)


async def _texts(request: Request, begun: Sequence[Completion]) -> AsyncIterator[tuple[int, str]]:
    """Each text when it is whole, by its place; none is written on for a client that has left."""
    gone = threading.Event()
    when_left(request.scope, gone.set)
    for place, one in enumerate(begun):
        pieces = []
        async for piece in _written(request.app.state.workspace, one):
            if gone.is_set():
                return
            pieces.append(piece)
        yield place, "".join(pieces)


async def _counted(
    request: Request, body: Writing, begun: Sequence[Completion], made: AsyncIterator[T]
) -> AsyncIterator[T]:
    """What is made of the texts; what was written counts, however far the client listened."""
    try:
        async for one in made:
            yield one
    finally:
        spend(request.scope, body.model, (), tokens=_usage(begun)["total_tokens"])
        for completion in begun:
            completion.pieces.close()


async def _chunks(
    workspace: Workspace, body: Writing, begun: Sequence[Completion], kind: str, choice: Choice
) -> AsyncIterator[str]:
    """The pieces of each text as events, each text ended by its reason; a problem on the way is the last event."""
    head = _head(body, begun, kind)
    try:
        for place, one in enumerate(begun):
            yield _event({**head, "choices": [choice(place, "", None)]})
            async for piece in _written(workspace, one):
                yield _event({**head, "choices": [choice(place, piece, None)]})
            yield _event({**head, "choices": [choice(place, None, _reason(one))]})
        if includes_usage(body):
            yield _event({**head, "choices": [], "usage": _usage(begun)})
        yield DONE
    except TuneworksError as error:
        told, _ = dialect(json.loads(bytes(answer_to(error).body)))
        yield _event(told)


async def _written(workspace: Workspace, one: Completion) -> AsyncIterator[str]:
    """The pieces of a text; it is logged before its end is told."""
    while isinstance(made := await run_in_threadpool(next_piece, one.pieces), str):
        yield made
    await prediction_log_of(workspace).append_async([made])


def _head(body: Writing, begun: Sequence[Completion], kind: str) -> dict[str, Any]:
    """What every answer and chunk begins with; the id is the first prediction's, which feedback refers to."""
    first = begun[0]
    return {
        "id": first.id,
        "object": kind,
        "created": int(time.time()),
        "model": body.model,
        "system_fingerprint": first.version.label,
    }


def _usage(begun: Sequence[Completion]) -> dict[str, int]:
    read, written = sum(one.read for one in begun), sum(one.written for one in begun)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _reason(one: Completion) -> str:
    return "stop" if one.at_end else "length"


def _chat_choice(place: int, text: str | None, reason: str | None) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {"index": place, "message": message, "logprobs": None, "finish_reason": reason}


def _chat_delta(place: int, text: str | None, reason: str | None) -> dict[str, Any]:
    """A chunk's choice: the first one (an empty text) says who speaks, the last one (none) only why it ends."""
    delta = {} if text is None else {"content": text} if text else {"role": "assistant", "content": ""}
    return {"index": place, "delta": delta, "logprobs": None, "finish_reason": reason}


def _text_choice(place: int, text: str | None, reason: str | None) -> dict[str, Any]:
    return {"index": place, "text": text or "", "logprobs": None, "finish_reason": reason}


def _event(said: dict[str, Any]) -> str:
    return f"data: {json.dumps(said, ensure_ascii=False, separators=(',', ':'))}\n\n"


def _model(deployment: Deployment) -> dict[str, Any]:
    created = int(datetime.fromisoformat(deployment.moved).timestamp()) if deployment.moved else 0
    return {"id": deployment.id, "object": "model", "created": created, "owned_by": "tuneworks"}


def _must_have(dimensions: int | None, width: int) -> None:
    if dimensions not in (None, width):
        raise Unsupported(
            "dimensions",
            Text(
                f"The vectors have {width} dimensions, not {dimensions}.",
                f"向量为 {width} 维，而不是 {dimensions} 维。",
            ),
            Text("Leave dimensions out.", "请省略 dimensions。"),
        )


def _base64(vector: Sequence[float]) -> str:
    """Little-endian 32-bit numbers, as OpenAI's own client asks for them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


ENCODINGS: dict[str, Callable[[Sequence[float]], Any]] = {"float": list, "base64": _base64}
