"""Ray clusters: one is started on this machine, or one that is there is joined; neither without its guard."""

# ruff: noqa: E402
# Ray reads how it is guarded when it is imported.

from __future__ import annotations

import ipaddress
import os
import platform
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable
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
import ray.exceptions
from ray import _raylet

from tuneworks.core.errors import InvalidConfig, Unavailable
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace

OBJECTS_BYTES = 80 * 2**20
HOST = re.compile(r"(?:\w+://)?(?P<host>\[.*\]|[^:/]*)")
LOCAL_NAMES = ("localhost", "local", "auto", "")
__all__ = ["ADDRESS", "joined", "ray"]


def joined(address: str | None, workspace: Workspace | None) -> Callable[[], None]:
    """Join the cluster of that address, or one that is started for it; what is called in the end leaves it.

    ``workspace``: what all of its hosts must reach, if anything.
    """
    if address is None:
        return _our_own()
    must_be_safe(address, workspace)
    _begin(address, address=address)
    hosts = {node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}
    if workspace is not None and hosts - {platform.node()} and not _is_reached(workspace):
        ray.shutdown()
        raise _unreachable(address, workspace)
    return ray.shutdown


def must_be_safe(address: str, workspace: Workspace | None) -> None:
    """Refuse a cluster on the network that asks for no token, and one that cannot reach what is kept here."""
    if _is_here(address):
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
    if workspace is not None and not _is_reached(workspace):
        raise _unreachable(address, workspace)


def _is_reached(workspace: Workspace) -> bool:
    """Whether other hosts reach what a workspace keeps."""
    return workspace.store.shared and workspace.blobs.shared


def _unreachable(address: str, workspace: Workspace) -> InvalidConfig:
    return InvalidConfig(
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
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        raise Unavailable(
            Text(f"The Ray cluster {named} does not answer.", f"Ray 集群 {named} 没有响应。"),
            Text(
                "See that it runs (ray status), with the Ray and the Python that are used here, and that the token is "
                f"its own, or unset {ADDRESS}.",
                f"请确认集群正在运行（ray status）、其 Ray 与 Python 版本与此处相同且令牌正确，或取消 {ADDRESS}。",
            ),
        ) from error
