"""Keys: random, kept as a hash, limited, revoked for every process; the first one is left for the machine's user."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.security.conftest import Guarded
from tests.server.process import ServerProcess
from tuneworks.client import Client
from tuneworks.client.tokens import authorisation
from tuneworks.core.access import ADMINISTRATOR, ROLES, TOKEN, VIEWER, ApiKey, digest_of, token_in
from tuneworks.core.errors import Forbidden, InvalidConfig, Unauthenticated
from tuneworks.core.workspace import Workspace
from tuneworks.flows.keys import Keyring, Limits, first_token, keys, new_key, revoke
from tuneworks.server.app import create_app


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / ".tuneworks")


def test_a_token_is_nowhere_but_in_its_owners_hand(workspace: Workspace) -> None:
    made = new_key("shop", role=VIEWER, workspace=workspace)
    assert TOKEN.fullmatch(made.token)
    assert made.token.startswith(made.key.prefix)
    workspace.close()
    secret = made.token.rsplit("_", 1)[1].encode()
    stored = [path for path in workspace.root.rglob("*") if path.is_file()]
    assert stored
    assert [path for path in stored if secret in path.read_bytes()] == []


def test_what_is_kept_of_a_token_is_shown_to_nobody(workspace: Workspace) -> None:
    made = new_key("shop", role=VIEWER, workspace=workspace)
    assert digest_of(made.token) not in json.dumps([repr(made.key), *map(repr, keys(workspace=workspace))])


def test_two_first_starts_share_no_secret_and_no_password_is_set(tmp_path: Path) -> None:
    tokens = [first_token(Workspace.open(tmp_path / name)) for name in ("one", "two")]
    assert all(token and TOKEN.fullmatch(token) for token in tokens)
    assert len({str(token).rsplit("_", 1)[1] for token in tokens}) == 2


def test_the_first_token_is_made_once_and_only_its_owner_reads_it(workspace: Workspace) -> None:
    token = first_token(workspace)
    file = workspace.root / "token"
    assert token_in(workspace.root) == token
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first_token(workspace) is None
    assert Keyring(workspace).look_up(str(token)).role == ADMINISTRATOR


def test_where_there_is_a_key_no_first_token_is_made(workspace: Workspace) -> None:
    new_key("mine", role=ADMINISTRATOR, workspace=workspace)
    assert first_token(workspace) is None
    assert token_in(workspace.root) is None


@pytest.mark.parametrize("token", ["", "tw_", "x" * 10_000, "tw_0000000000000000_" + "A" * 43, "' OR 1=1 --"])
def test_what_is_no_token_opens_nothing(workspace: Workspace, token: str) -> None:
    first_token(workspace)
    with pytest.raises(Unauthenticated):
        Keyring(workspace).look_up(token)


def test_a_key_ends_when_its_days_are_over(workspace: Workspace) -> None:
    made = new_key("guest", role=VIEWER, limits=Limits(days=1), workspace=workspace)
    ring = Keyring(workspace)
    assert ring.look_up(made.token).name == "guest"
    stored = workspace.store.get(ApiKey, made.key.id)
    assert stored is not None
    workspace.store.put(replace(stored, expires="2020-01-01T00:00:00.000000Z"))
    with pytest.raises(Unauthenticated, match="expired"):
        ring.look_up(made.token)


@pytest.mark.parametrize(
    ("role", "limits"),
    [
        ("root", Limits()),
        (VIEWER, Limits(days=0)),
        (VIEWER, Limits(days=100_000)),
        (VIEWER, Limits(rate=0)),
        (VIEWER, Limits(quota=-1)),
        (VIEWER, Limits(deployments=("../x",))),
        (ADMINISTRATOR, Limits(deployments=("tickets",))),
    ],
)
def test_a_key_that_cannot_be_is_not_made(workspace: Workspace, role: str, limits: Limits) -> None:
    with pytest.raises(InvalidConfig):
        new_key("shop", role=role, limits=limits, workspace=workspace)
    assert keys(workspace=workspace) == []


def test_a_key_revoked_here_is_refused_by_another_process_within_a_second(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / ".tuneworks") as server, Workspace.open(tmp_path / ".tuneworks") as workspace:
        made = new_key("leaving", role=VIEWER, workspace=workspace)
        headers = {"authorization": f"Bearer {made.token}"}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as http:
            assert http.get("/v1/deployments").status_code == 200
            revoke(made.key.id, workspace=workspace)
            began = time.monotonic()
            while http.get("/v1/deployments").status_code == 200:
                assert time.monotonic() - began < 1.0
        with pytest.raises(Unauthenticated), Client(server.url, token=made.token) as client:
            client.deployments()


def test_requests_that_come_together_ask_the_store_for_their_key_once(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    look_up = Keyring.look_up

    def counted(ring: Keyring, token: str) -> ApiKey:
        asked.append(token)
        time.sleep(0.05)  # meanwhile the others come
        return look_up(ring, token)

    monkeypatch.setattr(Keyring, "look_up", counted)
    token, wrong = guarded.token("viewer"), "tw_" + "x" * 20

    async def together() -> list[int]:
        transport = httpx.ASGITransport(create_app(guarded.workspace))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = [{"authorization": f"Bearer {one}"} for one in (token, wrong) for _ in range(20)]
            answers = await asyncio.gather(*(client.get("/v1/deployments", headers=one) for one in headers))
        return [answer.status_code for answer in answers]

    assert asyncio.run(together()) == [200] * 20 + [401] * 20
    assert sorted(asked) == sorted([token, wrong])


def test_keys_are_made_listed_and_revoked_over_http(guarded: Guarded) -> None:
    administrator = guarded.token("administrator")
    made = guarded.ask("POST", "/v1/keys", administrator, json={"name": "desk", "role": "labeller"}).json()
    assert guarded.ask("GET", "/v1/deployments", made["token"]).status_code == 200
    path = f"/v1/keys/{made['key']['id']}"
    assert guarded.ask("GET", path, administrator).json()["name"] == "desk"
    assert guarded.ask("DELETE", path, administrator).json()["revoked"]
    time.sleep(0.5)
    assert guarded.ask("GET", "/v1/deployments", made["token"]).status_code == 401
    for role in ROLES[:-1]:
        assert guarded.ask("POST", "/v1/keys", guarded.token(role), json={}).status_code == 403


def test_the_client_finds_its_token_and_sends_it_to_this_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWORKS_WORKSPACE", str(tmp_path))
    (tmp_path / "token").write_text("tw_left\n")
    for url in ("http://127.0.0.1:8765", "http://localhost:1", "http://[::1]:8765"):
        assert authorisation(url, None) == {"authorization": "Bearer tw_left"}
    for url in ("https://example.com", "http://127.0.0.1.example.com", "http://10.0.0.5:8765", "http://0.0.0.0:8765"):
        assert authorisation(url, None) == {}
    monkeypatch.setenv("TUNEWORKS_TOKEN", "tw_set")
    assert authorisation("https://example.com", None) == {"authorization": "Bearer tw_set"}
    assert authorisation("http://localhost", "tw_given") == {"authorization": "Bearer tw_given"}


def test_the_client_raises_what_a_key_is_refused_with(guarded: Guarded) -> None:
    refused = guarded.ask("GET", "/v1/keys", guarded.token("viewer"))
    from tuneworks.client.client import problem_of

    assert isinstance(problem_of(refused), Forbidden)
