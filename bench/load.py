"""A load of requests from a process of its own, as lean as Python allows; prints its figures as a line of JSON.

    python -m bench.load URL --bodies FILE --connections 64 --seconds 5 [--rate 2000] [--header "name: value"]

``--bodies``: one JSON body a line, taken in turn. Without ``--rate`` each connection asks as soon as it is answered;
with it requests leave at that rate whatever comes back, on as many connections as that takes.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

TICK_SECONDS = 0.002


@dataclass
class Figures:
    """What came back: how often which status, and the seconds the answered ones took."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    retry_after: int = 0
    broken: int = 0
    unsent: int = 0


class Connection(asyncio.Protocol):
    """Sends a request, reads its answer, says so."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: Any = None
        self._data = b""
        self._sent = 0.0
        self._is_asking = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> None:
        self._sent, self._is_asking, self._data = time.perf_counter(), True, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            if not body.endswith(b"0\r\n\r\n"):
                return
        elif len(body) < int(lower.partition(b"content-length:")[2].split(b"\r\n")[0]):
            return
        self._is_asking = False
        figures, status = self._load.figures, int(head[9:12])
        figures.statuses[status] += 1
        figures.retry_after += b"retry-after:" in lower
        if status == 200:
            figures.seconds.append(time.perf_counter() - self._sent)
        if b"connection: close" not in lower:
            self._load.is_free(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.figures.broken += self._is_asking
        self._load.lost()

    def close(self) -> None:
        self._is_asking = False
        self._transport.close()


class Load:
    """Requests to one place until the time is over."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._requests = _requests(asked)
        self._free: deque[Connection] = deque()
        self._open = self._opening = 0
        self._is_over = False
        self.figures = Figures()

    async def run(self) -> dict[str, Any]:
        began = time.perf_counter()
        if self._asked.rate:
            await self._at_rate(began)
        else:
            await asyncio.gather(*(self._connect() for _ in range(self._asked.connections)))
            await asyncio.sleep(self._asked.seconds)
        self._is_over = True
        return _told(self.figures, time.perf_counter() - began)

    async def _at_rate(self, began: float) -> None:
        for number in itertools.count():
            due = began + number / self._asked.rate
            if due > began + self._asked.seconds:
                return
            while (now := time.perf_counter()) < due:
                await asyncio.sleep(max(TICK_SECONDS, due - now))
            if self._free:
                self._free.popleft().ask(next(self._requests))
            elif self._open + self._opening < self._asked.connections:
                asyncio.get_running_loop().create_task(self._connect())
            else:
                self.figures.unsent += 1

    async def _connect(self) -> None:
        place = urlsplit(self._asked.url)
        self._opening += 1
        try:
            _, made = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self), place.hostname, place.port
            )
        except OSError:
            self.figures.broken += 1
            return
        finally:
            self._opening -= 1
        self._open += 1
        made.ask(next(self._requests))

    def is_free(self, connection: Connection) -> None:
        if self._is_over:
            connection.close()
        elif self._asked.rate:
            self._free.append(connection)
        else:
            connection.ask(next(self._requests))

    def lost(self) -> None:
        self._open -= 1
        if not self._is_over and not self._asked.rate:
            asyncio.get_running_loop().create_task(self._connect())


def _requests(asked: argparse.Namespace) -> Iterator[bytes]:
    place = urlsplit(asked.url)
    lines = [f"POST {place.path} HTTP/1.1", f"Host: {place.netloc}", "Content-Type: application/json", *asked.header]
    head = "\r\n".join(lines)
    bodies = Path(asked.bodies).read_bytes().splitlines()
    return itertools.cycle([f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies])


def _told(figures: Figures, seconds: float) -> dict[str, Any]:
    times = sorted(figures.seconds)

    def at(share: float) -> float:
        return round(times[min(len(times) - 1, int(share * len(times)))] * 1000, 3) if times else 0.0

    return {
        "rps": round(figures.statuses[200] / seconds, 1),
        "p50": at(0.5),
        "p99": at(0.99),
        "statuses": dict(figures.statuses),
        "retry_after": figures.retry_after,
        "broken": figures.broken,
        "unsent": figures.unsent,
    }


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--bodies", required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--header", action="append", default=[])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(Load(parser.parse_args(arguments)).run())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
