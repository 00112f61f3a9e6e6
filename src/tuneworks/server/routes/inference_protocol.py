"""The Open Inference Protocol, version 2: deployments as models, rows as tensors, a column each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from tuneworks import __version__
from tuneworks.core.access import VIEWER
from tuneworks.core.errors import InvalidInput, Unavailable
from tuneworks.core.requests import request_id
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion
from tuneworks.flows.answering import Answered, ask
from tuneworks.flows.interfaces import interface_of, must_answer
from tuneworks.server.access import needs
from tuneworks.server.exchange import LEFT_STATUS
from tuneworks.server.limits import bounded_rows
from tuneworks.server.marks import answered_by
from tuneworks.server.metering import spend
from tuneworks.server.predicting import Seconds, awaited
from tuneworks.server.problems import documented
from tuneworks.server.tensors import (
    BYTES,
    Tensor,
    answer_tensors,
    input_of,
    outputs_of,
    packed,
    read_tensor,
    rows_of,
    wrong,
)

router = APIRouter(prefix="/v2", tags=["open inference protocol"])
LENGTH = "inference-header-content-length"
PREDICTION_ID = "prediction_id"
EXAMPLE = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["my parcel is late"]}]}
TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
        "datatype": {"type": "string"},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
}
INFERENCE = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": TENSOR, "minItems": 1},
        "outputs": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
        "parameters": {"type": "object"},
    },
    "example": EXAMPLE,
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": INFERENCE},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@dataclass(frozen=True)
class Inference:
    """What is asked: tensors, the outputs that are wanted (all where none is named) and how they are to come."""

    id: str | None
    tensors: tuple[Tensor, ...]
    wanted: Mapping[str, bool | None] = field(default_factory=dict)
    binary: bool = False


@router.get("", summary="The server and what it speaks · 服务及其支持的协议")
@needs(VIEWER)
def show_server(request: Request) -> dict[str, Any]:
    return {"name": "tuneworks", "version": __version__, "extensions": ["binary_tensor_data"]}


@router.get("/health/live", summary="Whether the server answers · 服务是否存活")
def live(request: Request) -> dict[str, bool]:
    return {"live": True}


@router.get("/health/ready", summary="Whether it takes requests · 服务是否就绪", responses=documented(503))
def ready(request: Request) -> dict[str, bool]:
    if request.app.state.stopping:
        raise Unavailable(
            Text("The server is stopping.", "服务正在停止。"), Text("Ask another one.", "请访问其他实例。")
        )
    return {"ready": True}


@router.get("/models/{name}", summary="What a model reads and answers · 模型的输入与输出", responses=documented(404))
@router.get(
    "/models/{name}/versions/{version}", summary="The same, of one version · 指定版本", responses=documented(404)
)
@needs(VIEWER, deployment="name")
def show_model(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    served = interface_of(name, version, workspace=request.app.state.workspace)
    spec, kinds = served.spec, served.spec.kinds
    outputs = outputs_of(served.output.kind, len(spec.labels) or -1)
    return {
        "name": name,
        "versions": [str(served.number)],
        "platform": "tuneworks",
        "inputs": [input_of(column, kinds.get(column, "text")) for column in spec.inputs.values()],
        "outputs": [{"name": PREDICTION_ID, "datatype": BYTES, "shape": [-1]}, *outputs],
    }


@router.get("/models/{name}/ready", summary="Whether a model answers · 模型是否就绪", responses=documented(404, 503))
@router.get("/models/{name}/versions/{version}/ready", summary="One version · 指定版本", responses=documented(404, 503))
@needs(VIEWER, deployment="name")
def model_ready(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    must_answer(name, version, workspace=request.app.state.workspace)
    return {"name": name, "ready": True}


@router.post(
    "/models/{name}/infer",
    summary="Answer rows; each is logged like any other · 为数据行作答并记录",
    responses=documented(400, 404, 413, 503, 504),
    openapi_extra=BODY,
)
@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="The same, by one version or not at all · 仅由指定版本作答",
    responses=documented(400, 404, 413, 503, 504),
    openapi_extra=BODY,
)
@needs(VIEWER, deployment="name")
async def infer(
    request: Request,
    name: str,
    version: str | None = None,
    x_request_timeout: Seconds = None,
) -> Response:
    workspace = request.app.state.workspace
    served = await run_in_threadpool(interface_of, name, version, workspace=workspace)
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise _malformed("it broke off", "请求中断") from error
    asked = _read(body, request.headers.get(LENGTH))
    rows = _rows(asked, served)
    answered = await awaited(ask(name, rows, workspace=workspace), request.scope, x_request_timeout)
    if answered is None:
        return Response(status_code=LEFT_STATUS)
    answered_by(request, answered.version.label)
    spend(request.scope, name, rows)
    return _told(name, asked, answered)


# -- in ----------------------------------------------------------------------------------------------


def _read(body: bytes, length: str | None) -> Inference:
    """A request as it came: JSON, and behind its announced length the bytes of tensors."""
    if length is not None and not (length.isdecimal() and int(length) <= len(body)):
        raise _malformed(f"{LENGTH} is {length!r}", f"{LENGTH} 为 {length!r}")
    size = len(body) if length is None else int(length)
    try:
        said = json.loads(body[:size])
    except (ValueError, RecursionError) as error:
        raise _malformed("it is not JSON", "不是有效的 JSON") from error
    if not isinstance(said, Mapping) or not isinstance(said.get("inputs"), list) or not said["inputs"]:
        raise _malformed('it has no "inputs"', "缺少 inputs")
    tail, tensors = memoryview(body)[size:], []
    for one in said["inputs"]:
        tensor, tail = read_tensor(one, tail)
        tensors.append(tensor)
    parameters, id = said.get("parameters") or {}, said.get("id")
    binary = isinstance(parameters, Mapping) and parameters.get("binary_data_output") is True
    return Inference(id if isinstance(id, str) else None, tuple(tensors), _wanted(said.get("outputs") or []), binary)


def _wanted(outputs: Any) -> dict[str, bool | None]:
    """The names of outputs, and whether each is to come as bytes where that is said."""
    if not isinstance(outputs, list) or not all(
        isinstance(one, Mapping) and isinstance(one.get("name"), str) for one in outputs
    ):
        raise _malformed('"outputs" are not objects with a name', "outputs 应为带有 name 的对象")
    said = {one["name"]: one.get("parameters") for one in outputs}
    return {name: p.get("binary_data") if isinstance(p, Mapping) else None for name, p in said.items()}


def _rows(asked: Inference, served: ModelVersion) -> list[dict[str, Any]]:
    columns = tuple(served.spec.inputs.values())
    names = [tensor.name for tensor in asked.tensors]
    for name in names:
        if name not in columns or names.count(name) > 1:
            raise wrong(name, f"the inputs are {', '.join(columns)}, each once", f"输入为 {'、'.join(columns)}，各一次")
    bounded_rows(min(tensor.shape[0] for tensor in asked.tensors))
    return rows_of(asked.tensors, served.spec.kinds)


def _malformed(en: str, zh: str) -> InvalidInput:
    return InvalidInput(
        Text(f"The request is none of the Open Inference Protocol: {en}.", f"不是有效的开放推理协议请求：{zh}。"),
        Text(f"Send such as {json.dumps(EXAMPLE)}.", f"请参照 {json.dumps(EXAMPLE)} 发送。"),
    )


# -- out ---------------------------------------------------------------------------------------------


def _told(name: str, asked: Inference, answered: Answered) -> Response:
    ids = Tensor(PREDICTION_ID, BYTES, (len(answered.predictions),), [one.id for one in answered.predictions])
    made = [ids, *answer_tensors([one.answer for one in answered.predictions])]
    outputs, tail = _outputs(asked, made)
    said = {
        "model_name": name,
        "model_version": str(answered.version.number),
        "id": asked.id or request_id() or "",
        "outputs": outputs,
    }
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    if not tail:
        return Response(body, media_type="application/json")
    return Response(body + tail, media_type="application/octet-stream", headers={LENGTH: str(len(body))})


def _outputs(asked: Inference, made: Sequence[Tensor]) -> tuple[list[dict[str, Any]], bytes]:
    """The wanted outputs as they are told in JSON, and the bytes that stand behind it."""
    named = {tensor.name: tensor for tensor in made}
    for name in asked.wanted:
        if name not in named:
            raise wrong(name, f"the outputs are {', '.join(named)}", f"可用的输出为 {'、'.join(named)}")
    outputs, tail = [], b""
    for name in asked.wanted or named:
        tensor = named[name]
        told = {"name": name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        parameters = dict(tensor.parameters)
        chosen = asked.wanted.get(name)
        if asked.binary if chosen is None else chosen:
            data = packed(tensor)
            tail, parameters = tail + data, {**parameters, "binary_data_size": len(data)}
        else:
            told["data"] = list(tensor.values)
        outputs.append({**told, "parameters": parameters} if parameters else told)
    return outputs, tail
