"""Errors as problem+json (RFC 9457): the same shape for bad requests, unknown names, broken models and bugs."""

from __future__ import annotations

import math
import sys
import traceback
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tuneworks.core.errors import InvalidInput, NotFound, TuneworksError, Unauthenticated
from tuneworks.core.requests import request_id
from tuneworks.core.text import Text, current_language, language
from tuneworks.server.bodies import Problem
from tuneworks.server.languages import chosen_language
from tuneworks.server.limits import most_bytes

MEDIA_TYPE = "application/problem+json"
ENCODE = msgspec.json.Encoder().encode
MOST_ERRORS = 20
TITLES = {
    "InvalidInput": Text("The request cannot be used as given", "请求内容无法使用"),
    "UnreadableFile": Text("The file cannot be read", "文件无法读取"),
    "UnsuitableData": Text("The data does not suit the task", "数据不适合该任务"),
    "InvalidConfig": Text("A setting does not fit", "设置不合适"),
    "NotFound": Text("Not found", "未找到"),
    "Conflict": Text("Changed by somebody else", "已被他人更改"),
    "Unauthenticated": Text("A key is needed", "需要密钥"),
    "Forbidden": Text("Not allowed", "无权访问"),
    "Misdirected": Text("Another host is asked", "请求的主机不符"),
    "TooManyRequests": Text("Too many requests", "请求过多"),
    "MissingExtra": Text("An optional package is not installed", "缺少可选软件包"),
    "BrokenSeal": Text("The model is not what was tuned", "模型与微调结果不符"),
    "Untrusted": Text("The model is not signed by whom this machine trusts", "模型未经本机信任的密钥签名"),
    "RunStopped": Text("The run was stopped", "运行已停止"),
    "RunFailed": Text("The run failed", "运行失败"),
    "Unavailable": Text("Not available now", "暂时不可用"),
    "Overloaded": Text("Too much is asked at once", "请求过载"),
    "TooLate": Text("The time given has passed", "已超过给定时间"),
    "InternalError": Text("An error in the server", "服务器内部错误"),
}
WANTED = {
    "missing": Text("is missing", "缺失"),
    "tuple_type": Text("must be an array", "应为数组"),
    "list_type": Text("must be an array", "应为数组"),
    "mapping_type": Text("must be an object", "应为对象"),
    "dict_type": Text("must be an object", "应为对象"),
    "dataclass_type": Text("must be an object", "应为对象"),
    "dataclass_exact_type": Text("must be an object", "应为对象"),
    "string_type": Text("must be a text", "应为文本"),
    "string_unicode": Text("is not valid Unicode", "不是有效的 Unicode"),
    "bool_type": Text("must be true or false", "应为 true 或 false"),
    "bool_parsing": Text("must be true or false", "应为 true 或 false"),
    "float_type": Text("must be a number", "应为数字"),
    "float_parsing": Text("must be a number", "应为数字"),
    "int_parsing": Text("must be a whole number", "应为整数"),
    "greater_than_equal": Text("is too small", "过小"),
    "less_than_equal": Text("is too large", "过大"),
    "extra_forbidden": Text("is not supported", "不受支持"),
    "unexpected_keyword_argument": Text("is not supported", "不受支持"),
    "too_short": Text("is too short", "过短"),
    "too_long": Text("is too long", "过长"),
}
MISFIT = Text("does not fit", "不符合要求")
FIELD_HINT = Text(
    "Compare the body with the schema in /openapi.json; every route has an example there.",
    "请对照 /openapi.json 中的模式检查请求体；每个接口都附有示例。",
)
JSON_HINT = Text(
    'Send UTF-8 JSON with Content-Type: application/json, such as {"row": {"text": "..."}}.',
    '请以 UTF-8 发送 JSON，并设 Content-Type: application/json，例如 {"row": {"text": "..."}}。',
)


def install(app: FastAPI) -> None:
    """Answer every error of the app as a problem."""
    app.add_exception_handler(TuneworksError, _tuneworks)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, http_problem)
    app.add_exception_handler(Exception, bug)


def problem(status: int, code: str, detail: Text, hint: Text, errors: tuple[dict[str, str], ...] = ()) -> Response:
    """A problem in the language of the request."""
    title = str(TITLES.get(code, Text(HTTPStatus(status).phrase, HTTPStatus(status).phrase)))
    made = Problem(
        f"urn:tuneworks:error:{code}", title, status, str(detail), code, str(hint), errors, request_id() or ""
    )
    return Response(ENCODE(made), status_code=status, media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems a route may answer with, for its OpenAPI description."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": TypeAdapter(Problem).json_schema()}},
        }
        for status in statuses
    }


def answer_to(error: TuneworksError) -> Response:
    """The problem that an error is, with the headers that go with its status."""
    made = problem(error.http_status, error.code, error.problem, error.fix, getattr(error, "errors", ()))
    if isinstance(error, Unauthenticated):
        made.headers["www-authenticate"] = "Bearer"
    if retry_seconds := getattr(error, "retry_seconds", None):
        made.headers["retry-after"] = str(math.ceil(retry_seconds))
    if methods := getattr(error, "methods", None):
        made.headers["allow"] = methods
    return made


def nothing_at(path: str) -> NotFound:
    """The error of a path that no route has."""
    return NotFound(
        Text(f"There is nothing at {path}.", f"{path} 不存在。"),
        Text("The routes are listed in /openapi.json.", "所有接口见 /openapi.json。"),
    )


class WrongMethod(InvalidInput):
    """A path that does not take the method."""

    http_status = 405
    code = InvalidInput.__name__

    def __init__(self, path: str, method: str, methods: str) -> None:
        super().__init__(
            Text(f"{path} does not take {method}.", f"{path} 不支持 {method}。"),
            Text(f"Use: {methods}", f"请使用：{methods}"),
        )
        self.methods = methods


async def _tuneworks(request: Request, error: Any) -> Response:
    return answer_to(error)


async def _validation(request: Request, error: Any) -> Response:
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return _not_json(str(found[0].get("ctx", {}).get("error", "")))
    wrong = [(_field(one["loc"]), WANTED.get(one["type"], MISFIT)) for one in found[:MOST_ERRORS]]
    detail = Text(
        f"The request does not fit: {'; '.join(f'{field} {text.en}' for field, text in wrong[:3])}.",
        f"请求不符合要求：{'；'.join(f'{field} {text.zh}' for field, text in wrong[:3])}。",
    )
    errors = tuple({"field": field, "message": str(text)} for field, text in wrong)
    return problem(422, "InvalidInput", detail, FIELD_HINT, errors)


async def http_problem(request: Request, error: Any) -> Response:
    """What a status without an error of ours means here."""
    path = request.url.path
    if error.status_code == 404:
        return answer_to(nothing_at(path))
    if error.status_code == 405:
        return answer_to(WrongMethod(path, request.method, (error.headers or {}).get("Allow", "")))
    if error.status_code == 413:
        most = most_bytes(path) // 2**20
        return problem(
            413,
            "InvalidInput",
            Text(f"The body is larger than {most} MiB.", f"请求体超过 {most} MiB。"),
            Text("Send fewer rows at a time.", "请减少每次发送的行数。"),
        )
    if error.status_code == 400:
        return _not_json(str(error.detail))
    return problem(error.status_code, "InvalidInput", Text(str(error.detail), str(error.detail)), FIELD_HINT)


async def bug(request: Request, error: Exception) -> Response:
    """An error that nobody expected; its details go to the server's output alone."""
    traceback.print_exception(error, file=sys.stderr)
    with language(chosen_language(request.scope) or current_language()):
        return problem(
            500,
            "InternalError",
            Text(
                f"The server met an error it did not expect ({type(error).__name__}).",
                f"服务器遇到未预料的错误（{type(error).__name__}）。",
            ),
            Text(
                "The server's output has the details. Nothing was answered.", "详情见服务器输出。本次请求未得到答案。"
            ),
        )


def _not_json(reason: str) -> Response:
    return problem(
        400,
        "InvalidInput",
        Text(f"The body is not JSON: {reason}.", f"请求体不是有效的 JSON：{reason}。"),
        JSON_HINT,
    )


def _field(location: Any) -> str:
    return ".".join(str(part) for part in location if part != "body") or "body"
