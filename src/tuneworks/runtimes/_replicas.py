"""Replicas of models on a Ray cluster: the one that ``RAY_ADDRESS`` names, or one that is started on this machine.

A replica gets the model's files themselves, so that a host of the cluster needs no workspace. Nothing of Ray Serve
listens for HTTP: who asks is a server of ours, which looked at keys and limits before.
"""

# ruff: noqa: I001
# Ray reads how it is guarded when it is imported: our clusters come first.

from __future__ import annotations

import atexit
import importlib
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Model, Runtime
from tuneworks.core.errors import Unavailable
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.core.text import Text
from tuneworks.clusters.ray_cluster import ADDRESS, joined, ray

from ray import serve
from ray.serve.exceptions import RayServeException

OPENER = "tuneworks.serving.loaded"  # a replica is a process that serves, where this one is a plug-in of such a one
ASKED_AT_ONCE = 2  # by replica, on average: more of them are started past it
ANSWERING_SECONDS = 600.0
_lock = threading.Lock()
_handles: dict[Path, Any] = {}


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
    """Score arrays of the examples by one of the model's replicas; raises ``Unavailable`` where none answers."""
    try:
        answered: list[Any] = _handle(model).remote(examples).result(timeout_s=ANSWERING_SECONDS)
    except (ray.exceptions.RayError, RayServeException, TimeoutError) as error:
        raise Unavailable(
            Text(
                f"No replica of {model.folder.name} answers: {error}",
                f"{model.folder.name} 的副本没有应答：{error}",
            ),
            Text("See whether the Ray cluster has room: ray status.", "请检查 Ray 集群是否有余量：ray status。"),
        ) from error
    return answered


def end() -> None:
    """Take the replicas away, on a cluster of several servers from all of them, and leave it."""
    with _lock:
        _handles.clear()
        if ray.is_initialized():
            serve.shutdown()
            ray.shutdown()


def _handle(model: Model) -> Any:
    """Where the model's replicas are asked; they are started at the first question, and end with the cluster."""
    with _lock:
        if not ray.is_initialized():
            _handles.clear()
            atexit.register(joined(os.environ.get(ADDRESS), None))
            serve.start(http_options={"location": "NoServer"}, logging_config={"log_level": "ERROR"})
        if model.folder not in _handles:
            _handles[model.folder] = _started(model.folder)
        return _handles[model.folder]


def _started(folder: Path) -> Any:
    """The application of a model's folder, found by what its files are, so that several servers share its replicas."""
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    name = "-".join((folder.name, sha256_of_bytes("".join(map(sha256_of_file, paths.values())).encode())[:12]))
    if name not in serve.status().applications:
        most = max(1, int(ray.cluster_resources().get("CPU", 1)))
        scaled = {"min_replicas": 1, "max_replicas": most, "target_ongoing_requests": ASKED_AT_ONCE}
        kept = {"num_cpus": 0}  # models may be more than cores: who is not asked takes none
        deployed = serve.deployment(Replica, name="model", autoscaling_config=scaled, ray_actor_options=kept)
        files = {part: path.read_bytes() for part, path in paths.items()}  # kept by Ray for replicas to come
        serve.run(deployed.bind(files), name=name, route_prefix=None)
    return serve.get_app_handle(name)
