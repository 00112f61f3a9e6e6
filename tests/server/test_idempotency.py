"""A request sent twice under one key is done once, whatever happens between; every answer says which request it is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.process import ServerProcess
from tuneworks.core.clock import now
from tuneworks.core.errors import Conflict, InvalidInput
from tuneworks.core.processes import owner
from tuneworks.core.replies import Reply
from tuneworks.core.types import Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.replies import begin_reply, drop_reply, keep_reply
from tuneworks.testing.workspaces import NAME

PREDICT = f"/v1/deployments/{NAME}/predict"
ROW = {"row": {"text": "where is my parcel"}}


@pytest.fixture
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=server.headers, trust_env=False) as connected:
        yield connected


def logged(folder: Path) -> int:
    with Workspace.open(folder) as workspace:
        return len(workspace.store.find(Prediction))


def sent(http: httpx.Client, key: str, body: Any = ROW, path: str = PREDICT) -> httpx.Response:
    return http.post(path, json=body, headers={"idempotency-key": key})


def test_the_same_key_is_the_same_answer_also_from_another_process(http: httpx.Client, served_folder: Path) -> None:
    before = logged(served_folder)
    first, again = sent(http, "order-1"), sent(http, "order-1")
    with ServerProcess(served_folder) as server:
        headers = {**server.headers, "idempotency-key": "order-1"}
        later = httpx.post(f"{server.url}{PREDICT}", json=ROW, headers=headers, trust_env=False)
    assert first.status_code == 200
    assert first.content == again.content == later.content
    assert [one.headers.get("idempotent-replayed") for one in (first, again, later)] == [None, "true", "true"]
    assert {one.headers["x-model-version"] for one in (first, again, later)} == {f"{NAME}@1"}
    assert logged(served_folder) == before + 1


def test_the_same_key_for_another_request_is_refused(http: httpx.Client) -> None:
    assert sent(http, "order-2").status_code == 200
    refused = sent(http, "order-2", {"row": {"text": "another"}})
    assert (refused.status_code, refused.json()["code"]) == (422, "InvalidInput")
    assert sent(http, "order-2", path=f"/v2/models/{NAME}/infer").status_code == 400  # another place, another request


def test_a_kept_answer_is_not_given_to_a_request_that_is_none(http: httpx.Client) -> None:
    assert sent(http, "order-5").status_code == 200
    for wrong in ("0", "soon", "nan", "1e9"):
        headers = {"idempotency-key": "order-5", "x-request-timeout": wrong}
        refused = http.post(PREDICT, json=ROW, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "InvalidInput")


def test_what_was_refused_leaves_its_key_free(http: httpx.Client) -> None:
    assert sent(http, "order-3", {"row": {"txt": "a"}}).status_code == 422
    assert sent(http, "order-3").status_code == 200


def test_many_at_once_are_one(http: httpx.Client, served_folder: Path) -> None:
    before = logged(served_folder)
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: sent(http, "order-4"), range(8)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    done = {answer.content for answer in answers if answer.status_code == 200}
    assert len(done) == 1
    assert logged(served_folder) == before + 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "caf\u00e9"])
def test_a_key_that_is_none_is_a_400(http: httpx.Client, key: str) -> None:
    answered = http.post(PREDICT, json=ROW, headers=[(b"idempotency-key", key.encode())])
    assert (answered.status_code, answered.json()["code"]) == (400, "InvalidInput")


def test_one_who_went_away_leaves_the_key_to_the_next(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / ".tuneworks") as workspace:
        gone = owner().rsplit(":", 2)[0] + ":4194000:never"
        workspace.store.put(Reply("id", "asked", now(), gone))
        mine = begin_reply(workspace, "id", "asked")
        assert (mine.status, mine.owner) == (None, owner())
        with pytest.raises(Conflict):
            begin_reply(workspace, "id", "asked")
        with pytest.raises(InvalidInput):
            begin_reply(workspace, "id", "something else")
        drop_reply(workspace, mine)
        assert begin_reply(workspace, "id", "something else").status is None
        keep_reply(workspace, Reply("old", "asked", "2020-01-01T00:00:00.000000Z", owner(), 200))
        assert begin_reply(workspace, "old", "something else").status is None
        keep_reply(workspace, Reply("older", "asked", "2020-01-01T00:00:00.000000Z", owner(), 200))
        begin_reply(workspace, "another", "asked")
        assert workspace.store.get(Reply, "older") is None


def test_every_answer_says_which_request_it_is(http: httpx.Client) -> None:
    own = http.post(PREDICT, json=ROW, headers={"x-request-id": "mine-7"})
    made = http.get("/v1/health")
    wrong = http.post(PREDICT, json={}, headers={"x-request-id": "bad\u00e9".encode()})
    nothing = http.get("/v1/nothing", headers={"x-request-id": "mine-8"})
    assert (own.headers["x-request-id"], own.headers["x-model-version"]) == ("mine-7", f"{NAME}@1")
    assert made.headers["x-request-id"].startswith("req-")
    assert wrong.headers["x-request-id"] == wrong.json()["request_id"] != ""
    assert (nothing.headers["x-request-id"], nothing.json()["request_id"]) == ("mine-8", "mine-8")
    assert len({http.get("/v1/health").headers["x-request-id"] for _ in range(3)}) == 3
