"""Work on a Ray cluster: one that is started for it and ends with it, or the one that RAY_ADDRESS names."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tuneworks.clusters.ray_cluster import ADDRESS, joined, ray
from tuneworks.core.errors import ProcessLost
from tuneworks.core.events import Listener
from tuneworks.core.following import ENDS, follow, last_event, outcome
from tuneworks.core.hands import THREADS, Hand
from tuneworks.core.keeping import Runner
from tuneworks.core.lifecycle import fail
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace

PROGRAM = "tuneworks.flows.far"
SEAT = "TUNEWORKS_SEAT"
LOOPBACK = "127.0.0.1"
LAST_STEP_SECONDS = 60.0


class Placed:
    """An actor: it starts a process of ours where Ray put it, and passes lines to and fro. The process ends with it."""

    def __init__(self, module: str, words: Sequence[str], variables: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", module, *words]
        own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**own, **variables}
        )

    def write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()

    def readline(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        assert self._process.stdout is not None
        while self._process.stdout.readline():
            pass
        return self._process.wait()

    def end(self, patience: float) -> int | None:
        code = None
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(patience)
        self._process.kill()
        self._process.wait()
        return code


class RayHand(Hand):
    """A process that Ray has placed; only strings go to and fro."""

    def __init__(self, cores: int, module: str, words: Sequence[str], variables: Mapping[str, str]) -> None:
        kind: Any = ray.remote(num_cpus=cores, max_restarts=0, max_concurrency=4)(Placed)
        self.actor = kind.remote(module, list(words), dict(variables))

    def write(self, line: bytes) -> None:
        try:
            ray.get(self.actor.write.remote(line.decode()))
        except ray.exceptions.RayError as error:
            raise BrokenPipeError from error

    def readline(self) -> bytes:
        with suppress(ray.exceptions.RayError):
            told: str = ray.get(self.actor.readline.remote())
            return told.encode()
        return b""

    def end(self, patience: float = 0.0) -> int | None:
        code: int | None = None
        with suppress(ray.exceptions.RayError):
            code = ray.get(self.actor.end.remote(patience))
        ray.kill(self.actor)
        return code


class RayRunner(Runner):
    """Places the processes of a run, or of a search, on a Ray cluster."""

    def __init__(self) -> None:
        self._leave: Callable[[], None] | None = None
        self._turn = threading.Lock()
        self._cores_a_process = 0

    def submit(self, workspace: Workspace, run: Run, work: Callable[[], Any], listener: Listener) -> Run:
        """Have the run done by as many processes as it asks for, and wait for it."""
        try:
            self._join(workspace)
            self._wait(workspace, run, self._placed(workspace, run), listener)
        except BaseException as error:
            fail(workspace, run, error)
            raise
        finally:
            self.close()
        return outcome(workspace, run.id)

    def hand(self, workspace: Workspace, module: str, words: Sequence[str], threads: int) -> Hand:
        """A process on the cluster that runs a module of ours."""
        self._join(workspace)
        return RayHand(self._cores_a_process, module, words, dict.fromkeys(THREADS, str(threads)))

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._leave is not None:
            self._leave()
        self._leave = None

    def _join(self, workspace: Workspace) -> None:
        """Be on the cluster; the threads of a search ask for it at once."""
        with self._turn:
            if not ray.is_initialized():
                address = os.environ.get(ADDRESS)
                self._leave = joined(address, workspace)
                self._cores_a_process = 1 if address else 0

    def _placed(self, workspace: Workspace, run: Run) -> list[RayHand]:
        """The processes of a run; where there are several, each knows its seat."""
        size, words = run.config.processes, (workspace.address, run.id)
        threads = max(1, int(os.environ.get(THREADS[0]) or len(os.sched_getaffinity(0))) // size)
        port = _free_port()
        variables = dict.fromkeys(THREADS, str(threads))
        seats = [{SEAT: f"{rank}/{size}@{LOOPBACK}:{port}"} for rank in range(size)] if size > 1 else [{}]
        return [RayHand(self._cores_a_process, PROGRAM, words, variables | seat) for seat in seats]

    def _wait(self, workspace: Workspace, run: Run, placed: Sequence[RayHand], listener: Listener) -> None:
        """Pass on what the run tells until its own process ends, or another one does before its time."""
        ends = [one.actor.wait.remote() for one in placed]
        last = last_event(workspace, run)
        try:
            for event in follow(workspace, run.id, last, lambda: bool(ray.wait(ends[:1], timeout=0)[0])):
                if event is not None and event.kind not in ENDS:
                    listener(event)
                if _gone(ends[1:]):
                    raise ProcessLost
            ray.wait(ends[:1], timeout=LAST_STEP_SECONDS)
        except BaseException:
            with suppress(ray.exceptions.RayError):
                ray.get(placed[0].actor.interrupt.remote())
                ray.wait(ends[:1], timeout=LAST_STEP_SECONDS)
            raise
        finally:
            for one in placed:
                one.end()


def _gone(ends: Sequence[Any]) -> bool:
    """Whether one of the processes that help ended with an error, or its actor did."""
    for end in ray.wait(list(ends), num_returns=len(ends), timeout=0)[0] if ends else ():
        try:
            if ray.get(end):
                return True
        except ray.exceptions.RayError:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])
