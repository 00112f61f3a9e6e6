"""Connections: requests however they are cut, answers in order, and nobody who may be slow for ever."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from tuneworks.server import connection, listening
from tuneworks.server.exchange import LEFT
from tuneworks.server.listening import Listening

Talk = Callable[[int], Coroutine[Any, Any, None]]
POST = b"POST /a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Two: 2\r\n\r\nhello"
CHUNKED = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers what was asked; ``/wait`` waits for the client to leave, ``/large`` sends ever more."""
    if scope["path"] == "/wait":
        scope["extensions"][LEFT](lambda: seen.append("left"))
        await asyncio.sleep(0.5)
    body, more = b"", True
    while more and scope["path"] != "/deaf":
        message = await receive()
        if message["type"] == "http.disconnect":
            seen.append("disconnected")
            return
        body, more = body + message["body"], message["more_body"]
    said = json.dumps([scope["method"], scope["path"], scope["query_string"].decode(), body.decode()]).encode()
    if scope["path"] == "/large":
        said = b"x" * 2**26
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


seen: list[str] = []


def served(talk: Talk) -> None:
    """Have ``talk`` speak to a listening port; what is still open afterwards is dropped."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as port:
            listens = Listening(port, echo)
            await listens.begin()
            await asyncio.wait_for(talk(port.getsockname()[1]), 20)
            listens.hurry()
            await listens.drain()

    seen.clear()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def told(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """All that is answered to some bytes, until the other side closes or says no more for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        while more := await asyncio.wait_for(reader.read(65536), 0.3):
            answered += more
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return answered


def bodies(answered: bytes) -> list[Any]:
    """The JSON bodies of answers, in order."""
    return [json.loads(part.partition(b"\r\n\r\n")[2]) for part in answered.split(b"HTTP/1.1 200 OK")[1:]]


@pytest.mark.parametrize("request_bytes", [POST, CHUNKED], ids=["length", "chunked"])
def test_a_request_is_the_same_wherever_it_is_cut(request_bytes: bytes) -> None:
    async def talk(port: int) -> None:
        whole = bodies(await told(port, request_bytes))
        assert len(whole) == 1
        assert whole[0][3] == "hello"
        cuts = [
            told(port, request_bytes[:at], request_bytes[at:], pause=0.01) for at in range(1, len(request_bytes), 3)
        ]
        for answered in await asyncio.gather(*cuts):
            assert bodies(answered) == whole

    served(talk)


def test_requests_sent_at_once_are_answered_in_order() -> None:
    async def talk(port: int) -> None:
        paths = [f"/{number}" for number in range(20)]
        sent = b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths)
        assert [body[1] for body in bodies(await told(port, sent))] == paths

    served(talk)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 80_000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(sent: bytes, status: int) -> None:
    async def talk(port: int) -> None:
        answered = await told(port, sent)
        assert answered.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"connection: close" in answered
        assert answered.count(b"HTTP/1.1 ") == 1

    served(talk)


def test_a_refusal_reaches_a_client_that_still_sends() -> None:
    async def talk(port: int) -> None:
        head = b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
        answered = await told(port, head, *[b"x" * 500_000] * 8, pause=0.01)
        assert answered.startswith(b"HTTP/1.1 200 OK")

    served(talk)


@pytest.mark.parametrize(
    "pieces",
    [
        [b""],
        [b"GET /", *[b"x"] * 40],
        [b"GET / HTTP/1.1\r\nX: ", *[b"y"] * 40],
        [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n", *[b"z"] * 40],
        [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ],
    ids=["nothing", "line", "header", "body", "idle"],
)
def test_who_is_slow_is_sent_away(monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]) -> None:
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "IDLE_SECONDS"):
        monkeypatch.setattr(connection, name, 0.3)
    monkeypatch.setattr(listening, "LOOK_SECONDS", 0.05)

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.monotonic()

        async def drip() -> None:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        await reader.read()
        assert 0.2 < time.monotonic() - began < 2
        dripping.cancel()
        writer.close()

    served(talk)


def test_who_takes_no_answer_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STALLED_SECONDS", 0.3)
    monkeypatch.setattr(listening, "LOOK_SECONDS", 0.05)

    async def talk(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as deaf:
            deaf.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(1.0)
            deaf.setblocking(False)
            taken = 0
            with pytest.raises((ConnectionResetError, EOFError)):  # noqa: PT012
                while True:
                    piece = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(deaf, 2**20), 5)
                    if not piece:
                        raise EOFError
                    taken += len(piece)
            assert taken < 2**26

    served(talk)


def test_the_application_hears_of_a_client_that_left() -> None:
    async def talk(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.close()
        await asyncio.sleep(0.6)
        assert seen == ["left", "disconnected"]

    served(talk)


def test_a_client_that_asks_whether_to_go_on_is_told() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)).startswith(b"HTTP/1.1 200 OK")
        writer.close()

    served(talk)


def test_the_head_of_an_answer_is_sent_without_its_body_where_that_was_asked() -> None:
    async def talk(port: int) -> None:
        answered = await told(port, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"content-length: " in answered
        assert answered.endswith(b"\r\n\r\n")

    served(talk)
