"""Hundreds of ways past authentication, sent to a real server as bytes: none leads inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.security.attempts import Attempt, attempts, request
from tests.security.wire import exchanged, statuses
from tests.server.process import ServerProcess
from tuneworks.core.access import ADMINISTRATOR, ApiKey, digest_of
from tuneworks.core.workspace import Workspace
from tuneworks.flows.keys import Limits, new_key, revoke
from tuneworks.testing.workspaces import NAME, deployed_workspace

INSIDE = ("key-", "audit-", '"champion"', "tuneworks_", '"predictions"')
"""What only answers from behind the door hold."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("door") / ".tuneworks"
    deployed_workspace(folder, rows=120).close()
    return folder


@pytest.fixture(scope="module")
def tokens(folder: Path) -> dict[str, str]:
    """Tokens that open nothing."""
    with Workspace.open(folder) as workspace:
        revoked = new_key("left", role=ADMINISTRATOR, workspace=workspace)
        revoke(revoked.key.id, workspace=workspace)
        expired = new_key("guest", role=ADMINISTRATOR, limits=Limits(days=1), workspace=workspace)
        stored = workspace.store.get(ApiKey, expired.key.id)
        assert stored is not None
        workspace.store.put(replace(stored, expires="2020-01-01T00:00:00.000000Z"))
        valid = new_key("owner", role=ADMINISTRATOR, workspace=workspace)
    digest = digest_of(valid.token)
    return {"revoked": revoked.token, "expired": expired.token, "digest": digest, "valid": valid.token}


@pytest.fixture(scope="module")
def server(folder: Path, tokens: dict[str, str]) -> Iterator[ServerProcess]:
    with ServerProcess(folder) as running:
        yield running


def got_in(attempt: Attempt, received: bytes) -> bool:
    """Whether an answer is anything but a refusal, or what is public anyway."""
    text = received.decode("utf-8", "replace")
    if any(word in text for word in INSIDE) and '"openapi"' not in text:
        return True
    public = '"status":"ok"' in text or '"openapi"' in text
    return any(200 <= status < 400 for status in statuses(received)) and not public


def test_more_than_300_attempts_past_authentication_all_fail(server: ServerProcess, tokens: dict[str, str]) -> None:
    host = server.url.removeprefix("http://")
    tried = list(attempts(host, NAME, tokens))
    assert len({attempt.sent for attempt in tried}) >= 300
    found = [attempt.name for attempt in tried if got_in(attempt, exchanged(server.url, attempt.sent))]
    assert found == []


def test_the_same_requests_with_a_key_do_get_in(server: ServerProcess, tokens: dict[str, str]) -> None:
    host, key = server.url.removeprefix("http://"), f"Authorization: Bearer {tokens['valid']}"
    for path in ("/v1/keys", "/v1/audit", "/v1/deployments", "/metrics"):
        received = exchanged(server.url, request("GET", path, host, key))
        assert got_in(Attempt(path, b""), received), path
    body = json.dumps({"row": {"text": "a"}}).encode()
    asked = request("POST", f"/v1/deployments/{NAME}/predict", host, key, body=body)
    assert got_in(Attempt("predict", asked), exchanged(server.url, asked))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("both lengths", "Content-Length: 4\r\nTransfer-Encoding: chunked"),
        ("two lengths", "Content-Length: 4\r\nContent-Length: 40"),
        ("a list of lengths", "Content-Length: 4, 40"),
        ("a length with a sign", "Content-Length: +4"),
        ("a length below nothing", "Content-Length: -1"),
        ("a length in hexadecimal", "Content-Length: 0x4"),
        ("an unknown coding", "Transfer-Encoding: xchunked"),
        ("chunked twice", "Transfer-Encoding: chunked, chunked"),
        ("chunked, then not", "Transfer-Encoding: chunked, identity"),
        ("a blank before the colon", "Transfer-Encoding : chunked"),
        ("a bad chunk", "Transfer-Encoding: chunked"),
    ],
)
def test_a_request_whose_end_is_unclear_is_refused_and_nothing_after_it_is_read(
    server: ServerProcess, tokens: dict[str, str], name: str, head: str
) -> None:
    host = server.url.removeprefix("http://")
    key = f"Authorization: Bearer {tokens['valid']}"
    first = f"POST /v1/deployments/{NAME}/predict HTTP/1.1\r\nHost: {host}\r\n{key}\r\n{head}\r\n\r\n".encode()
    body = b"Z\r\nab\r\n" if name == "a bad chunk" else b"0\r\n\r\n"
    received = exchanged(server.url, first + body + request("GET", "/v1/keys", host, key))
    assert statuses(received)[:1] == [400] or statuses(received) == [], name
    assert len(statuses(received)) <= 1
    assert b"key-" not in received


def test_a_head_or_a_body_past_the_limits_is_refused(server: ServerProcess, tokens: dict[str, str]) -> None:
    host, key = server.url.removeprefix("http://"), f"Authorization: Bearer {tokens['valid']}"
    many = [f"X-{number}: a" for number in range(400)]
    assert statuses(exchanged(server.url, request("GET", "/v1/keys", host, key, *many))) == [431]
    long = f"X-Long: {'a' * 200_000}"
    assert statuses(exchanged(server.url, request("GET", "/v1/keys", host, key, long))) == [431]
    announced = request("POST", f"/v1/deployments/{NAME}/predict", host, key, "Content-Length: 99999999999")
    assert statuses(exchanged(server.url, announced)) == [413]
