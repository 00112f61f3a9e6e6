"""Paths, addresses, templates and the like in every field of every route: no file, no connection, no crash."""

from __future__ import annotations

import asyncio
import gzip
import io
import socket
import tarfile
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.security.conftest import Guarded
from tuneworks.core.errors import TuneworksError
from tuneworks.core.workspace import Workspace
from tuneworks.flows.restore import restore
from tuneworks.flows.verify import verify
from tuneworks.server.access import entries
from tuneworks.testing.workspaces import NAME

CANARY = "canary-7f3a9c-must-never-be-read"
UP = ("..", "..\\", "%2e%2e", "%252e%252e", "..%00", "....//", "..;", "．．", "..%c0%af", "..%5c")
AHEAD = ("", "/", "file://", "file:///", "\\\\?\\", "//localhost/", "./", "~", "C:\\", "\x00", "path:", "hf:", "@")
BESIDE = (" ", "%00", ".json", "?", "#", "\n", "::$DATA")
TEMPLATES = (
    "{{7*7}}", "${7*7}", "<%= 7*7 %>", "{{''.__class__.__mro__[1].__subclasses__()}}", "#{7*7}", "*{7*7}", "{%raw%}",
    "{{config}}", "{{cycler.__init__.__globals__.os.popen('id').read()}}", "$(id)", "`id`", "; id", "| id", "%n%s%x",
    "' OR '1'='1", "1; DROP TABLE tw_api_key", "\r\nX-Evil: 1", "<script>window.__xss=1</script>", "\u202e", "𝕏" * 50,
)  # fmt: skip


@pytest.fixture(scope="module")
def canary(guarded: Guarded) -> Path:
    """A file beside the workspace that no request may reach."""
    path = guarded.workspace.root.parent / "canary.txt"
    path.write_text(CANARY)
    (guarded.workspace.root / "secret.txt").write_text(CANARY)
    return path


@pytest.fixture
def forbidden() -> Iterator[tuple[int, list[Any]]]:
    """A port that nothing may connect to, and who did."""
    hits: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            try:
                while True:
                    hits.append(listener.accept()[1])
            except OSError:
                return

        taker = threading.Thread(target=take, daemon=True)
        taker.start()
        yield listener.getsockname()[1], hits
        listener.shutdown(socket.SHUT_RDWR)


def traversals(canary: Path) -> list[str]:
    """Ways to say where the canary, or a file every machine has, lies."""
    ways = [f"{up}/" * depth + "canary.txt" for up, depth in product(UP, (1, 2, 6))]
    ways += [f"{ahead}{target}" for ahead, target in product(AHEAD, (str(canary), "/etc/passwd", "../secret.txt"))]
    ways += [f"../canary.txt{end}" for end in BESIDE]
    ways += [f"{NAME}/../../{'../' * depth}canary.txt" for depth in range(4)]
    return ways


def addresses(port: int) -> list[str]:
    """Ways to say this machine, or the one that tells cloud secrets."""
    hosts = (
        "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1",
        "0.0.0.0", "user@127.0.0.1", "127.0.0.1.", "LOCALHOST", "①②⑦.0.0.1", "127.0.0.1%00.example.com",
    )  # fmt: skip
    schemes = ("http", "https", "ftp", "gopher", "file", "dict", "hf", "s3", "ldap")
    near = [f"{scheme}://{host}:{port}/x.png" for scheme, host in product(schemes[:4], hosts)]
    far = [f"{scheme}://169.254.169.254/latest/meta-data" for scheme in schemes]
    return [*near, *far, f"//127.0.0.1:{port}/", f"postgresql://127.0.0.1:{port}/x", f"hf:127.0.0.1:{port}/x"]


def fields(value: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every field of a request that a value can be put into: method, path, and the rest."""
    inside = quote(value, safe="")
    predict = f"/v1/deployments/{NAME}/predict"
    for path in ("/v1/versions/{}", "/v1/datasets/{}", "/v1/predictions/{}", "/v1/runs/{}", "/v1/runs/{}/events",
                 "/v1/deployments/{}", "/v1/keys/{}", "/v1/jobs/{}", "/v1/jobs/{}/answers", "/v1/models/{}",
                 "/v2/models/{}", "/v1/deployments/{}/moves"):  # fmt: skip
        yield "GET", path.format(inside), {}
        yield "GET", path.format(value.replace("\x00", "%00").replace("\n", "%0a").replace(" ", "%20")), {}
    for path, name in (("/v1/signals", "deployment"), ("/v1/versions", "name"), ("/v1/runs", "status"),
                       ("/v1/usage", "key"), ("/v1/audit/check", "digest"), ("/v1/health", "lang")):  # fmt: skip
        yield "GET", path, {"params": {name: value}}
    for name in ("path", "file", "layout", "key"):
        yield "POST", f"/v1/deployments/{NAME}/jobs", {"params": {"file": "a.csv", name: value}, "content": b""}
    for body in ({"row": {"text": value}}, {"row": {value: value}}, {"row": {"text": "a"}, "keys": [value]}):
        yield "POST", predict, {"json": body}
    for path, wanted in (
        (f"/v1/deployments/{NAME}/explain", {"row": {"text": "a"}, "explainer": value}),
        (f"/v1/deployments/{NAME}/explain", {"prediction": value}),
        (f"/v1/deployments/{NAME}/promote", {"version": value}),
        ("/v1/deployments", {"version": value}),
        ("/v1/deployments", {"version": NAME, "name": f"x/{value}", "runtime": value}),
        ("/v1/embeddings", {"model": value, "input": "a"}),
        ("/v1/completions", {"model": value, "prompt": value}),
        ("/v1/keys", {"name": "x", "role": "viewer", "deployments": [value]}),
    ):
        yield "POST", path, {"json": wanted}
    yield "GET", "/v1/deployments", {"headers": {"accept-language": quote(value), "x-request-id": quote(value)}}


def asked(guarded: Guarded, values: list[str]) -> Iterator[tuple[str, httpx.Response]]:
    """The answers to all of the values in all of the fields."""

    async def ask() -> list[tuple[str, httpx.Response]]:
        transport = httpx.ASGITransport(guarded.app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {guarded.token('administrator')}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            found = []
            for value in values:
                for method, path, how in fields(value):
                    own = {**how, "headers": {**headers, **how.get("headers", {})}}
                    try:
                        made = client.build_request(method, path, **own)
                    except (httpx.InvalidURL, UnicodeError):
                        continue
                    found.append((f"{method} {path} {how}", await client.send(made)))
            return found

    yield from asyncio.run(ask())


def check(guarded: Guarded, values: list[str], fewest: int) -> None:
    tried = 0
    for said, answered in asked(guarded, values):
        tried += 1
        assert answered.status_code < 500 or answered.status_code == 501, (said, answered.text)
        assert CANARY not in answered.text, said
        assert "root:x:0" not in answered.text, said
        assert "x-evil" not in answered.headers, said
    assert tried >= fewest


def test_no_field_leads_to_a_file(guarded: Guarded, canary: Path) -> None:
    check(guarded, traversals(canary)[::9], 300)


@pytest.mark.long
def test_no_field_leads_to_a_file_whatever_it_is_called(guarded: Guarded, canary: Path) -> None:
    check(guarded, traversals(canary), 3000)


def test_no_field_is_run_as_a_template_a_command_or_a_statement(guarded: Guarded, canary: Path) -> None:
    check(guarded, list(TEMPLATES[::3]), 200)


def test_no_field_makes_the_server_connect_anywhere(guarded: Guarded, forbidden: tuple[int, list[Any]]) -> None:
    port, hits = forbidden
    check(guarded, addresses(port)[::11], 150)
    assert hits == []


@pytest.mark.long
def test_no_field_makes_the_server_connect_anywhere_whatever_it_says(
    guarded: Guarded, forbidden: tuple[int, list[Any]]
) -> None:
    port, hits = forbidden
    check(guarded, [*addresses(port), *TEMPLATES], 1500)
    assert hits == []


def test_every_route_with_a_parameter_is_among_those_tried(guarded: Guarded) -> None:
    tried = {path.split("?")[0] for _, path, _ in fields("VALUE")}
    known = {entry.path for entry in entries(guarded.app.routes) if "{" in entry.path and "GET" in entry.methods}
    shapes = {path.replace("VALUE", "{}") for path in tried}
    left = {
        path for path in known if path.split("{")[0] + "{}" not in {shape.split("{}")[0] + "{}" for shape in shapes}
    }
    assert left == set()


def members() -> Iterator[tarfile.TarInfo]:
    """Entries that would land outside of where an archive is unpacked, or be more than a file."""
    names = (
        "../evil", "/evil", "blobs/../../evil", "reports/../../evil", "./../evil", "reports\\..\\..\\evil", "C:/evil",
        "reports/./../../evil", "store.db", "token", "records.jsonl.gz/../../evil", "", ".", "..", "reports/\x00evil",
        "checkpoints/../store.db", "~/evil", "blobs/" + "0" * 63, "reports//evil", "models/x/modeling.py",
    )  # fmt: skip
    kinds = (
        tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
        tarfile.DIRTYPE, tarfile.CONTTYPE,
    )  # fmt: skip
    for name, kind in product(names, kinds):
        made = tarfile.TarInfo(name)
        made.type = kind
        made.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
        made.size = 4 if kind in (tarfile.REGTYPE, tarfile.CONTTYPE) else 0
        yield made


def test_no_archive_writes_outside_of_its_place(tmp_path: Path) -> None:
    inside = tmp_path / "box" / "inside"
    inside.mkdir(parents=True)
    before = sorted(tmp_path.parent.iterdir())
    tried = 0
    for number, member in enumerate(members()):
        path = inside / f"{number}.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(member, io.BytesIO(b"evil") if member.size else None)
        with pytest.raises((TuneworksError, ValueError)):
            verify(path)
        if number % 8 in (0, 1):
            with Workspace.open(inside / "ws") as workspace, pytest.raises((TuneworksError, ValueError)):
                restore(path, workspace=workspace)
        path.unlink()
        tried += 1
    assert tried >= 150
    assert sorted(tmp_path.parent.iterdir()) == before
    assert [path for path in tmp_path.rglob("*evil*") if path.exists()] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box"]
    assert {path.name for path in (tmp_path / "box").iterdir()} == {"inside"}


def test_an_archive_that_is_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.tar"
    bomb.write_bytes(gzip.compress(b"\0" * 50_000_000))
    with pytest.raises(TuneworksError):
        verify(bomb)
