"""How the server answers over HTTP, beside FastAPI with a pipeline, BentoML and LitServe on the same cores.

    python -m bench.serving_http [--seconds 5] [--rounds 3] [--overload 60] [--workspace FOLDER] [--skip-peers]

MiniLM is tuned on banking77 and deployed as always. The servers take turns, each in processes of its own, asked over
loopback by a load generator in another. ``BENTOML_PYTHON`` and ``LITSERVE_PYTHON`` name interpreters that have those
(the latter runs FastAPI too); "same engine" gives them ours. Beside them stand the limits: our port with an
application that does nothing, and the engine asked without HTTP. Then twice as much is asked as can be answered, and
500 connections are slow on purpose.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tuneworks
from bench.harness import read
from bench.serving_engine import NAME, deployed, stock_folder
from bench.slow_clients import all_closed, half_a_request
from tuneworks.core.access import token_in
from tuneworks.core.tables import format_table
from tuneworks.core.types import Deployment
from tuneworks.server.run import suit_many_threads
from tuneworks.serving.engine import engine_of

CONCURRENCY = (1, 8, 32, 64)
OURS, NOTHING, BARE, STOCK = "tuneworks", "limit: no-op", "limit: engine without HTTP", "FastAPI, pipeline"
ENDING_TRIES = 50
STARTING_SECONDS, SLOW_CONNECTIONS, SLOW_SECONDS = 120, 500, 30
NO_OP = """
import asyncio, socket, sys
import uvloop
from tuneworks.server.listening import Listening
async def nothing(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})
async def main():
    port = Listening(socket.create_server(("127.0.0.1", int(sys.argv[1]))), nothing)
    await port.begin()
    await asyncio.Event().wait()
uvloop.run(main())
"""
Told = Mapping[str, Any]


@dataclass(frozen=True)
class Contender:
    """How a server is started on a port, where it is asked, and how a text is put to it."""

    command: Sequence[str]
    path: str
    wraps: str
    threads: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)

    def body(self, text: str) -> str:
        return json.dumps(
            {"row": {"row": {"text": text}}, "text": {"text": text}, "texts": {"texts": [text]}}[self.wraps]
        )


def main(arguments: Sequence[str]) -> int:
    """Print the table and what was held; 1 where a limit is missed."""
    asked = _asked(arguments)
    place = nullcontext(asked.workspace) if asked.workspace else tempfile.TemporaryDirectory()
    with place as name, tuneworks.Workspace.open(Path(name) / ".tuneworks") as workspace:
        folder = Path(name)
        deployed(workspace, asked)
        stock_folder(workspace, folder / "stock")
        bench = Bench(folder, asked.seconds)
        told = bench.raced(_contenders(folder, peers=not asked.skip_peers), asked.rounds)
        told[BARE] = {8: _bare(workspace, asked.seconds)}
        missed = _tell(told) + bench.overloaded(asked.overload) + bench.slow()
    return 1 if missed else 0


class Bench:
    """The texts of one deployment, sent to whoever answers them."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._ours = _ours(folder)

    def raced(self, contenders: Mapping[str, Contender], rounds: int) -> dict[str, dict[int, Told]]:
        """Medians of each contender at each concurrency, rounds taken in turn."""
        told: dict[str, list[dict[int, Told]]] = {name: [] for name in contenders}
        for number in range(rounds):
            for name, contender in contenders.items():
                with self._running(contender) as port:
                    told[name].append({at: self._load(contender, port, at, self._seconds) for at in CONCURRENCY})
                print(f"round {number + 1}, {name}: {told[name][-1]}", file=sys.stderr, flush=True)
        return {name: {at: _median([one[at] for one in runs]) for at in CONCURRENCY} for name, runs in told.items()}

    def overloaded(self, seconds: float) -> int:
        """Twice as many requests as can be answered, and how soon all is well again."""
        with self._running(self._ours) as port:
            peak = self._load(self._ours, port, 64, self._seconds)
            usual = self._load(self._ours, port, 8, self._seconds)
            flood = self._load(self._ours, port, 1024, seconds, rate=2 * peak["rps"])
            time.sleep(5)
            after = self._load(self._ours, port, 8, self._seconds)
        print(
            f"peak {peak}\nasked twice that for {seconds:g} s: {flood}\n5 s later, 8 at once: {after} (before: {usual})"
        )
        refused = flood["statuses"].get("503", 0)
        return sum(
            (
                _held("goodput of the peak", flood["rps"] / peak["rps"], 0.9),
                _held("answers that are neither 200 nor 503 with Retry-After", _odd(flood), 0, most=True),
                _held("refused", refused, 1),
                _held("p50 afterwards, times the usual", after["p50"] / usual["p50"], 1.5, most=True),
            )
        )

    def slow(self) -> int:
        """500 connections that never finish a request, while others ask as usual."""
        with self._running(self._ours) as port:
            usual = self._load(self._ours, port, 8, self._seconds)
            began, held = time.monotonic(), [half_a_request(port) for _ in range(SLOW_CONNECTIONS)]
            last: list[float] = []
            waiting = threading.Thread(target=lambda: last.append(all_closed(held) - began))
            waiting.start()
            beside = self._load(self._ours, port, 8, self._seconds)
            waiting.join()
        print(f"8 at once: {usual}; beside {SLOW_CONNECTIONS} slow connections: {beside}")
        return _held("seconds until all slow connections were closed", last[0], SLOW_SECONDS, most=True) + _held(
            "p99 beside them, times the usual", beside["p99"] / usual["p99"], 2.0, most=True
        )

    def _load(self, contender: Contender, port: int, at: int, seconds: float, *, rate: float = 0) -> Told:
        bodies = self._folder / "bodies.jsonl"
        bodies.write_text("\n".join(map(contender.body, _texts())) + "\n", encoding="utf-8")
        url = f"http://127.0.0.1:{port}{contender.path}"
        command = [sys.executable, "-m", "bench.load", url, "--bodies", str(bodies), "--connections", str(at)]
        more = ["--seconds", str(seconds), "--rate", str(rate), "--header", self._key()]
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=True)
        told: Told = json.loads(done.stdout)
        return told

    def _key(self) -> str:
        return f"Authorization: Bearer {token_in(self._folder / '.tuneworks') or 'none'}"

    @contextmanager
    def _running(self, contender: Contender) -> Iterator[int]:
        port = _free_port()
        own = {"OMP_NUM_THREADS": str(contender.threads), "TUNEWORKS_LOG": "off", **contender.environment}
        environment = {**os.environ, **own}
        command = [part.replace("PORT", str(port)) for part in contender.command]
        with open(self._folder / "server.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            self._wait(contender, port, process)
            self._load(contender, port, 2, 1.0)
            yield port
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            _end(process.pid)

    def _wait(self, contender: Contender, port: int, process: subprocess.Popen[bytes]) -> None:
        """Wait until it answers a text."""
        url, data = f"http://127.0.0.1:{port}{contender.path}", contender.body("hello").encode()
        end = time.monotonic() + STARTING_SECONDS
        while True:
            try:
                name, _, key = self._key().partition(": ")
                headers = {"content-type": "application/json", name: key}
                with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30):
                    return
            except (OSError, urllib.error.HTTPError) as error:
                if time.monotonic() > end or process.poll() is not None:
                    raise SystemExit((self._folder / "server.log").read_text(encoding="utf-8")[-3000:]) from error
            time.sleep(0.2)


def _end(group: int) -> None:
    """Wait until all that a server began is gone: what still runs takes the processors from the next one."""
    for attempt in range(ENDING_TRIES):
        try:
            os.killpg(group, signal.SIGKILL if attempt else 0)
        except ProcessLookupError:
            return
        time.sleep(0.2)
    print(f"processes of the group {group} are left", file=sys.stderr, flush=True)


def _ours(folder: Path) -> Contender:
    command = [sys.executable, "-m", "tuneworks", "--workspace", str(folder / ".tuneworks"), "serve", "--port", "PORT"]
    return Contender(command, f"/v1/deployments/{NAME}/predict", "row")


def _contenders(folder: Path, *, peers: bool) -> dict[str, Contender]:
    found = {OURS: _ours(folder), NOTHING: Contender([sys.executable, "-c", NO_OP, "PORT"], "/", "row")}
    source = os.pathsep.join([str(Path(tuneworks.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    for title, name, wraps in (
        ("FastAPI", "fastapi", "text"),
        ("BentoML", "bentoml", "texts"),
        ("LitServe", "litserve", "text"),
    ):
        variable = "BENTOML_PYTHON" if name == "bentoml" else "LITSERVE_PYTHON"
        python = os.environ.get(variable)
        if not (peers and python):
            print(f"{title} is left out: {variable} names no interpreter that has it, or it was to be skipped")
            continue
        command = [python, str(Path(__file__).parent / "peers" / f"behind_{name}.py"), "PORT"]
        for kind in ("pipeline", "engine")[: 1 if name == "fastapi" else 2]:
            word, threads = (kind, 2) if kind == "pipeline" else ("same engine", 1)
            environment = {"PEER_KIND": kind, "PEER_FOLDER": str(folder), "PYTHONPATH": source}
            found[f"{title}, {word}"] = Contender(command, "/predict", wraps, threads, environment)
    return found


def _bare(workspace: tuneworks.Workspace, seconds: float) -> Told:
    """The engine asked by a thread a core, 16 texts at a time."""
    served, engine = workspace.store.get(Deployment, NAME).champion, engine_of(workspace)
    texts, done = _texts(), [0] * len(os.sched_getaffinity(0))
    engine.answer(served, [{"text": texts[0]}])  # opened before the clock runs
    suit_many_threads()
    end = time.monotonic() + seconds

    def ask(number: int) -> None:
        at = 16 * number
        while time.monotonic() < end:
            engine.answer(served, [{"text": text} for text in texts[at % 2000 : at % 2000 + 16]])
            done[number] += 16
            at += 16 * len(done)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(done))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"rps": round(sum(done) / seconds, 1), "p50": 0.0, "p99": 0.0}


def _tell(told: Mapping[str, Mapping[int, Told]]) -> int:
    rows = [(name, at, one["rps"], one["p50"], one["p99"]) for name, runs in told.items() for at, one in runs.items()]
    print(format_table(("server", "at once", "answers/s", "p50 ms", "p99 ms"), rows))
    ours = told[OURS]
    missed = _held("throughput at 64 over that at 8", ours[64]["rps"] / ours[8]["rps"], 1.0)
    for name, runs in told.items():
        if name in (OURS, NOTHING, BARE):
            continue
        limit = 20.0 if name == STOCK else 1.1 if "same engine" in name else 3.0
        missed += _held(f"times the throughput of {name} at 64", ours[64]["rps"] / max(runs[64]["rps"], 0.1), limit)
        if name == STOCK:
            missed += _held("p99 of it over ours at 64", runs[64]["p99"] / ours[64]["p99"], 20.0)
    return missed


def _held(what: str, value: float, limit: float, *, most: bool = False) -> int:
    """Print a figure beside its limit; 1 where it is missed."""
    missed = value > limit if most else value < limit
    print(f"{what}: {value:.4g} ({'at most' if most else 'at least'} {limit:g}){' MISSED' if missed else ''}")
    return int(missed)


def _odd(told: Told) -> int:
    """Answers beside 200 and refusals that say when to come back, and connections that broke."""
    others = sum(count for status, count in told["statuses"].items() if status not in ("200", "503"))
    return int(others + told["statuses"].get("503", 0) - told["retry_after"] + told["broken"])


def _median(runs: Sequence[Told]) -> Told:
    return {figure: round(statistics.median(run[figure] for run in runs), 3) for figure in ("rps", "p50", "p99")}


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _texts() -> list[str]:
    return [row["text"] for row in read(NAME) if row["split"] == "test"]


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overload", type=float, default=60.0)
    parser.add_argument("--workspace")
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--method", default="full")
    parser.add_argument("--epochs", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
