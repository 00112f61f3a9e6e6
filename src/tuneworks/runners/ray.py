"""Work on a Ray cluster: one that is started for it and ends with it, or the one that RAY_ADDRESS names."""

# ruff: noqa: E402
# Ray reads how it is guarded when it is imported.

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ADDRESS, TOKEN = "RAY_ADDRESS", secrets.token_hex(32)
OUR_OWN = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": TOKEN,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
"""How a cluster of our own is started: guarded by a token, telling nobody, and listening on loopback alone."""
if ADDRESS not in os.environ:
    os.environ |= OUR_OWN

import ray
from ray import _raylet
from ray.exceptions import RayError

from tuneworks.core.errors import InvalidConfig, ProcessLost, Unavailable
from tuneworks.core.events import Listener
from tuneworks.core.following import ENDS, follow, last_event, outcome
from tuneworks.core.hands import THREADS, Hand
from tuneworks.core.keeping import Runner
from tuneworks.core.lifecycle import fail
from tuneworks.core.text import Text
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace

PROGRAM = "tuneworks.flows.far"
SEAT = "TUNEWORKS_SEAT"
LOOPBACK = "127.0.0.1"
LAST_STEP_SECONDS = 60.0
OBJECTS_BYTES = 80 * 2**20
HOST = re.compile(r"(?:\w+://)?(?P<host>\[.*\]|[^:/]*)")
LOCAL_NAMES = ("localhost", "local", "auto", "")


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
        except RayError as error:
            raise BrokenPipeError from error

    def readline(self) -> bytes:
        with suppress(RayError):
            told: str = ray.get(self.actor.readline.remote())
            return told.encode()
        return b""

    def end(self, patience: float = 0.0) -> int | None:
        code: int | None = None
        with suppress(RayError):
            code = ray.get(self.actor.end.remote(patience))
        ray.kill(self.actor)
        return code


class RayRunner(Runner):
    """Places the processes of a run, or of a search, on a Ray cluster."""

    def __init__(self) -> None:
        self._leave: Callable[[], None] | None = None
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
        if not ray.is_initialized():
            address = os.environ.get(ADDRESS)
            must_be_safe(address, workspace)
            self._leave = _elsewhere(address) if address else _our_own()
            self._cores_a_process = 1 if address else 0

    def _placed(self, workspace: Workspace, run: Run) -> list[RayHand]:
        """The processes of a run; where there are several, each knows its seat."""
        size, words = run.config.processes, (str(workspace.root), run.id)
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
            with suppress(RayError):
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
        except RayError:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


# -- clusters -------------------------------------------------------------------------------------


def must_be_safe(address: str | None, workspace: Workspace) -> None:
    """Refuse a cluster on the network that asks for no token, and one that cannot reach what is kept here."""
    if address is None or _is_here(address):
        return
    if not _has_token():
        raise InvalidConfig(
            Text(
                f"The Ray cluster {address} is on the network, and no token guards it.",
                f"Ray 集群 {address} 位于网络上，但没有令牌保护。",
            ),
            Text(
                "Start it with RAY_AUTH_MODE=token, and set that and RAY_AUTH_TOKEN_PATH here.",
                "请以 RAY_AUTH_MODE=token 启动集群，并在此设置该变量和 RAY_AUTH_TOKEN_PATH。",
            ),
        )
    if not (workspace.store.shared and workspace.blobs.shared):
        raise InvalidConfig(
            Text(
                f"Other hosts of the cluster {address} cannot reach the workspace {workspace.root}: its store is an "
                "SQLite file, and its blobs are files of this machine.",
                f"集群 {address} 的其他主机无法访问工作区 {workspace.root}：其数据库是 SQLite 文件，数据块是本机文件。",
            ),
            Text(
                f"Unset {ADDRESS}: then a cluster is started on this machine.",
                f"请取消 {ADDRESS}：此时会在本机启动一个集群。",
            ),
        )


def _is_here(address: str) -> bool:
    found = HOST.match(address)
    host = found["host"].strip("[]") if found else address
    if host in LOCAL_NAMES:
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _has_token() -> bool:
    named = os.environ.get("RAY_AUTH_TOKEN") not in (None, "", TOKEN) or os.environ.get("RAY_AUTH_TOKEN_PATH")
    kept = (Path.home() / ".ray" / "auth_token").is_file()
    return os.environ.get("RAY_AUTH_MODE") == "token" and bool(named or kept)


def _elsewhere(address: str) -> Callable[[], None]:
    """Join a cluster; what is called in the end leaves it."""
    _begin(address, address=address)
    return ray.shutdown


def _our_own() -> Callable[[], None]:
    """Start a cluster on this machine; what is called in the end stops it."""
    guard: Any = _raylet
    if guard.get_authentication_mode() != guard.AuthenticationMode.TOKEN:
        raise Unavailable(
            Text(
                "Ray was imported in this process before, without RAY_AUTH_MODE=token.",
                "此进程此前已导入 Ray，且未设置 RAY_AUTH_MODE=token。",
            ),
            Text("Set it before Ray is imported, or start anew.", "请在导入 Ray 之前设置该变量，或重新启动进程。"),
        )
    folder = tempfile.mkdtemp(prefix="ray-")

    def stop() -> None:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)

    try:
        _begin(
            "local",
            address="local",
            num_cpus=len(os.sched_getaffinity(0)),
            include_dashboard=False,
            object_store_memory=OBJECTS_BYTES,
            _temp_dir=folder,
        )
    except BaseException:
        stop()
        raise
    return stop


def _begin(named: str, **settings: Any) -> None:
    try:
        ray.init(log_to_driver=False, configure_logging=False, **settings)
    except (OSError, RuntimeError, ValueError, TimeoutError) as error:
        raise Unavailable(
            Text(f"The Ray cluster {named} does not answer: {error}", f"Ray 集群 {named} 没有响应：{error}"),
            Text(
                f"See that it runs and that the token is its own, or unset {ADDRESS}.",
                f"请确认集群正在运行且令牌正确，或取消 {ADDRESS}。",
            ),
        ) from error
