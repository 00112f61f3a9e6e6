"""The short way to an answer and the long one are one: the same answers, refusals, limits and languages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tuneworks.core.access import token_in
from tuneworks.core.meters import HTTP_SECONDS, REQUESTS, durations, figures
from tuneworks.core.types import Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.keys import first_token
from tuneworks.server.app import create_app
from tuneworks.server.exchange import LEFT
from tuneworks.serving import batching
from tuneworks.serving.engine import LoadedModel
from tuneworks.testing.workspaces import NAME

PATH = f"/v1/deployments/{NAME}/predict"
ROW = {"row": {"text": "where is my parcel"}}
Talk = Callable[[httpx.AsyncClient, Any], Coroutine[Any, Any, None]]


@asynccontextmanager
async def running(workspace: Workspace) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    """The application in this process, and a client of it that an administrator holds; bugs are answers."""
    first_token(workspace)
    app, headers = create_app(workspace), {"authorization": f"Bearer {token_in(workspace.root)}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http,
    ):
        yield http, app


def asked(folder: Path, talk: Talk) -> None:
    async def main() -> None:
        with Workspace.open(folder) as workspace:
            async with running(workspace) as (http, app):
                await talk(http, app)

    asyncio.run(main())


def test_both_ways_answer_alike(served_folder: Path) -> None:
    async def talk(http: httpx.AsyncClient, app: Any) -> None:
        body = {"rows": [{"text": "where is my parcel"}, {"text": "我重复付款了"}], "keys": ["a", "b"]}
        short = await http.post(PATH, json=body)
        long = await http.post(PATH, json=body, headers={"content-type": "application/problem+json"})
        for answered in (short, long):
            assert answered.status_code == 200
            assert answered.headers["x-model-version"] == f"{NAME}@1"
        told = [[{**one, "id": 0, "milliseconds": 0} for one in way.json()["predictions"]] for way in (short, long)]
        assert told[0] == told[1]
        assert list(short.json()) == list(long.json())
        assert list(short.json()["predictions"][0]) == list(long.json()["predictions"][0])

    asked(served_folder, talk)


@pytest.mark.parametrize(("language", "word"), [("en", "waiting"), ("zh", "等待")])
def test_where_too_much_waits_it_is_said_when_to_come_back(
    served_folder: Path, monkeypatch: pytest.MonkeyPatch, language: str, word: str
) -> None:
    monkeypatch.setattr(batching, "MOST_REQUESTS", 0)

    async def talk(http: httpx.AsyncClient, app: Any) -> None:
        refused = await http.post(PATH, json=ROW, headers={"accept-language": language})
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["code"] == "Overloaded"
        assert word in refused.json()["detail"]

    asked(served_folder, talk)


def test_what_is_too_much_is_refused_before_it_is_read_but_not_before_the_key(
    served_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk(http: httpx.AsyncClient, app: Any) -> None:
        known = {"idempotency-key": "known"}
        given = await http.post(PATH, json=ROW, headers=known)
        before = refusals()
        with monkeypatch.context() as full:
            full.setattr(batching, "MOST_REQUESTS", 0)
            mine = {"x-request-id": "mine", "accept-language": "zh", "content-type": "application/json"}
            refused = await http.post(PATH, content=b"no JSON at all", headers=mine)
            assert (await http.post(PATH, json=ROW, headers={"authorization": ""})).status_code == 401
            assert (await http.post("/v1/deployments/other/predict", json=ROW)).status_code == 503
            again = await http.post(PATH, json=ROW, headers=known)
        assert (again.status_code, again.json()) == (200, given.json())
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["x-request-id"] == refused.json()["request_id"] == "mine"
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert "等待" in refused.json()["detail"]
        assert refusals() == before + 1
        assert (await http.post(PATH, json=ROW)).status_code == 200

    asked(served_folder, talk)


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("way", ["application/json", "application/problem+json"])
def test_an_error_that_nobody_expected_is_told_like_any_other(
    served_folder: Path, monkeypatch: pytest.MonkeyPatch, way: str, once: bool
) -> None:
    key = {"idempotency-key": f"once-{len(way)}"} if once else {}

    def broken(*given: Any) -> Any:
        raise ValueError("a secret of the model")

    async def talk(http: httpx.AsyncClient, app: Any) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(LoadedModel, "run", broken)
            headers = {"content-type": way, "accept-language": "zh", "x-request-id": "mine", **key}
            failed = await http.post(PATH, json=ROW, headers=headers)
        assert failed.status_code == 500
        assert failed.headers["content-type"] == "application/problem+json"
        assert failed.headers.get_list("x-request-id") == ["mine"]
        assert failed.headers["x-content-type-options"] == "nosniff"
        said = failed.json()
        assert (said["code"], said["request_id"]) == ("InternalError", "mine")
        assert "服务器" in said["detail"]
        assert "secret" not in failed.text
        assert durations()[HTTP_SECONDS.name, ("POST", "/v1/deployments/{name}/predict", "500")].counts
        assert (await http.post(PATH, json=ROW, headers=key)).status_code == 200

    asked(served_folder, talk)


def refusals() -> float:
    return figures().get((REQUESTS.name, (NAME, "", "refused")), 0.0)


def test_an_answer_that_takes_longer_than_it_may_is_not_waited_for(served_folder: Path) -> None:
    async def talk(http: httpx.AsyncClient, app: Any) -> None:
        late = await http.post(PATH, json=ROW, headers={"x-request-timeout": "0.000001"})
        assert (late.status_code, late.json()["code"]) == (504, "TooLate")
        for wrong in ("-1", "soon", "0", "nan"):
            refused = await http.post(PATH, json=ROW, headers={"x-request-timeout": wrong})
            assert (refused.status_code, refused.json()["code"]) == (422, "InvalidInput")
        assert (await http.post(PATH, json=ROW, headers={"x-request-timeout": "20"})).status_code == 200

    asked(served_folder, talk)


def test_the_open_protocol_hears_how_long_an_answer_may_take(served_folder: Path) -> None:
    body = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["where is my parcel"]}]}

    async def talk(http: httpx.AsyncClient, app: Any) -> None:
        path = f"/v2/models/{NAME}/infer"
        late = await http.post(path, json=body, headers={"x-request-timeout": "0.000001"})
        assert late.status_code == 504
        assert (await http.post(path, json=body, headers={"x-request-timeout": "-1"})).status_code == 400
        assert (await http.post(path, json=body, headers={"x-request-timeout": "20"})).status_code == 200
        once = {"idempotency-key": "protocol"}
        assert (await http.post(path, json=body, headers=once)).status_code == 200
        assert (await http.post(path, json=body, headers={**once, "x-request-timeout": "0"})).status_code == 400

    asked(served_folder, talk)


def test_a_wrong_row_is_named_by_its_place_in_the_request(served_folder: Path) -> None:
    rows = [{"text": f"parcel {number} is late"} for number in range(40)]  # two workers take half each, at once
    rows[33] = {"words": "a"}

    async def talk(http: httpx.AsyncClient, app: Any) -> None:
        for _ in range(40):
            refused = await http.post(PATH, json={"rows": rows})
            assert (refused.status_code, "Row 34" in refused.json()["detail"]) == (422, True)

    asked(served_folder, talk)


def test_who_leaves_while_waiting_is_not_answered_and_nothing_is_logged(served_folder: Path) -> None:
    async def talk(http: httpx.AsyncClient, app: Any) -> None:
        await http.post(PATH, json=ROW)
        body = json.dumps({"rows": [{"text": f"parcel {number}"} for number in range(4000)], "keys": None}).encode()
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        raw = [(name.lower().encode(), value.encode()) for name, value in http.headers.items()]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": b"",
            "headers": [*raw, (b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
            "extensions": {LEFT: lambda leave: asyncio.get_running_loop().call_later(0.02, leave)},
        }
        before = len(app.state.workspace.store.find(Prediction))
        await asyncio.wait_for(app(scope, receive, send), 20)
        assert sent == []
        assert len(app.state.workspace.store.find(Prediction)) == before

    asked(served_folder, talk)
