"""Replicas of models on a Ray cluster: the one that ``RAY_ADDRESS`` names, or one that is started on this machine.

A replica gets the model's files themselves, so that a host of the cluster needs no workspace. Nothing of Ray Serve
listens for HTTP: who asks is a server of ours, which looked at keys and limits before. On a cluster of our own replicas
end with the model in memory that they were started for; on one that others use too they stay.
"""

# ruff: noqa: I001
# Ray reads how it is guarded when it is imported: our clusters come first.

from __future__ import annotations

import atexit
import importlib
import os
import secrets
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Model, Runtime
from tuneworks.core.errors import Unavailable
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.core.text import Text
from tuneworks.core.wanted import Abandoned, go_on_if_wanted
from tuneworks.clusters.ray_cluster import ADDRESS, joined, ray

from ray import serve
from ray.serve.exceptions import RayServeException

OPENER = "tuneworks.serving.loaded"  # a replica is a process that serves, where this one is a plug-in of such a one
ANSWERING_SECONDS = 600.0
SLICE_SECONDS = 0.5
NOT_THERE = ("NOT_STARTED", "DEPLOY_FAILED", "DELETING")
_joining, _turn = threading.Lock(), threading.Lock()
_handles: dict[int, Future[Any]] = {}  # by the identity of a model in memory


class Replica:
    """A model opened from its files, in a process that Ray has placed."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        opener = importlib.import_module(OPENER)
        self._place = tempfile.TemporaryDirectory(prefix="tuneworks-")
        folder = Path(self._place.name)
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        self._model: Model = opener.open_model(folder)
        self._runtime: Runtime = registry.load("runtimes", opener.runtime_of([use for use, _ in self._model.bases]))()

    def __call__(self, examples: Examples) -> list[Any]:
        return list(self._runtime.run(self._model, examples))


def ask(model: Model, examples: Examples) -> list[Any]:
    """Score arrays of the examples by one of the model's replicas, or the error that the model raises there.

    Raises ``Unavailable`` where none answers, and ``Abandoned`` soon after nobody waits any more.
    """
    started = _starting(model)
    try:
        return _answered(_waited(started.result), examples)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except (ray.exceptions.RayError, RayServeException, TimeoutError) as error:
        if not isinstance(error, TimeoutError):
            _let_go(id(model))  # the next question starts them again
        raise _unavailable(
            Text(f"No replica of {model.folder.name} answers.", f"{model.folder.name} 的副本没有应答。")
        ) from error


def end() -> None:
    """Take the replicas away, on a cluster of several servers from all of them, and leave it."""
    with _joining:
        _handles.clear()
        if ray.is_initialized():
            serve.shutdown()
            ray.shutdown()


def _starting(model: Model) -> Future[Any]:
    """Where the model's replicas are asked, once they are there; the first question has them started."""
    key = id(model)
    with _turn:
        started = _handles.get(key)
        if started is None or (started.done() and not ray.is_initialized()):
            started = _handles[key] = Future()
            weakref.finalize(model, _let_go, key).atexit = False
            threading.Thread(target=_start, args=(key, model.folder, started), name="starting", daemon=True).start()
        return started


def _start(key: int, folder: Path, started: Future[Any]) -> None:
    """Start replicas for all who wait for them; where that fails, whoever asks next has it tried again."""
    try:
        started.set_result(_application(folder))
    except BaseException as error:
        if _handles.get(key) is started:
            _handles.pop(key, None)
        started.set_exception(error)


def _application(folder: Path) -> Any:
    """The application of a model's folder, which runs; raises ``Unavailable`` where it cannot be started."""
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    name = f"{folder.name}-{_suffix(paths)}"
    try:
        _join()
        found = serve.status().applications.get(name)
        if found is None or found.status in NOT_THERE:
            _run(name, {part: path.read_bytes() for part, path in paths.items()})
        return serve.get_app_handle(name).options()  # made ready here: several threads may ask it first
    except (ray.exceptions.RayError, RayServeException, RuntimeError, OSError) as error:
        _end(name)
        raise _unavailable(
            Text(f"The replicas of {folder.name} do not start.", f"{folder.name} 的副本无法启动。")
        ) from error


def _suffix(paths: Mapping[str, Path]) -> str:
    """What several servers find the same model's replicas by; on a cluster of our own each open model has its own."""
    if _is_ours():
        return secrets.token_hex(6)
    return sha256_of_bytes("".join(map(sha256_of_file, paths.values())).encode())[:12]


def _join() -> None:
    """Be on the cluster, with Ray Serve; models that are started at once wait for it in turn."""
    with _joining:
        if not ray.is_initialized():
            atexit.register(_lastingly(lambda: joined(os.environ.get(ADDRESS), None)))
        serve.start(http_options={"location": "NoServer"}, logging_config={"log_level": "ERROR"})


def _lastingly(begin: Callable[[], Any]) -> Any:
    """What ``begin`` gives in a thread that never ends: Ray's processes are killed with the thread they came from."""
    begun: Future[Any] = Future()

    def last() -> None:
        try:
            begun.set_result(begin())
        except BaseException as error:
            begun.set_exception(error)
        else:
            threading.Event().wait()

    threading.Thread(target=last, name="ray", daemon=True).start()
    return begun.result()


def _run(name: str, files: Mapping[str, bytes]) -> None:
    """Start an application; Ray keeps the files for replicas to come."""
    most = max(1, int(ray.cluster_resources().get("CPU", 1)))
    scaled = {"min_replicas": 1, "max_replicas": most, "target_ongoing_requests": 1}  # each computes one at a time
    kept = {"num_cpus": 0}  # models may be more than cores: who is not asked takes none
    deployed = serve.deployment(Replica, name="model", autoscaling_config=scaled, ray_actor_options=kept)
    serve.run(deployed.bind(files), name=name, route_prefix=None)


def _answered(handle: Any, examples: Examples) -> list[Any]:
    """What a replica answers; a question that nobody waits for any more is taken back."""
    response = handle.remote(examples)
    try:
        answered: list[Any] = _waited(lambda seconds: response.result(timeout_s=seconds))
    except (Abandoned, TimeoutError):
        response.cancel()
        raise
    return answered


def _waited(result: Callable[[float], Any]) -> Any:
    """What comes, waited for in slices as long as it is wanted; raises ``TimeoutError`` where nothing does."""
    until = time.monotonic() + ANSWERING_SECONDS
    while True:
        try:
            return result(SLICE_SECONDS)
        except ray.exceptions.RayTaskError:  # a model's own TimeoutError is one of both
            raise
        except TimeoutError:
            if time.monotonic() > until:
                raise
        go_on_if_wanted()


def _let_go(key: int) -> None:
    """Ask a model's replicas no more; this may run in the middle of anything, so it waits for nothing."""
    started = _handles.pop(key, None)
    if started is not None:
        started.add_done_callback(lambda done: None if done.exception() else _end(done.result().app_name))


def _end(name: str) -> None:
    """Take an application away, without waiting; on a cluster that others use too it stays."""
    if _is_ours() and ray.is_initialized():
        with suppress(ray.exceptions.RayError, RayServeException):
            serve.delete(name, _blocking=False)


def _is_ours() -> bool:
    return ADDRESS not in os.environ


def _unavailable(problem: Text) -> Unavailable:
    """What Ray says of it names hosts and may quote rows, so it stays in Ray's logs."""
    return Unavailable(
        problem,
        Text(
            "See whether the Ray cluster has room (ray status), and what Ray's logs say; "
            "each of its hosts needs the packages of the model.",
            "请检查 Ray 集群是否有余量（ray status），并查看 Ray 的日志；集群的每台主机都需要安装模型所用的软件包。",
        ),
    )
