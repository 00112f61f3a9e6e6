"""The port a server listens on: alone, or together with other servers of the same workspace."""

from __future__ import annotations

import errno
import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.errors import InvalidConfig, Unavailable
from tuneworks.core.text import Text


@dataclass(frozen=True)
class Port:
    """A bound socket; ``shared``: whether another server of the workspace listens there too."""

    listener: socket.socket
    number: int
    shared: bool


@contextmanager
def bound(host: str, port: int, folder: Path) -> Iterator[Port]:
    """A port of ``host``, 0 for any free one; ``folder`` is where servers of one workspace know each other by."""
    if not 0 <= port <= 65535:
        raise InvalidConfig(
            Text(f"{port} is not a port.", f"{port} 不是有效端口。"),
            Text("Choose one from 1 to 65535: --port 8765", "请选择 1 至 65535 之间的端口：--port 8765"),
        )
    shared = bool(port) and _is_taken(host, port)
    if shared and not _is_ours(folder / str(port)):
        raise _taken(host, port)
    listener = _socket(host)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _bind(listener, host, port)
        number = int(listener.getsockname()[1])
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / str(number), "a") as mark:
            fcntl.flock(mark, fcntl.LOCK_SH)
            yield Port(listener, number, shared)
    finally:
        listener.close()


def _is_taken(host: str, port: int) -> bool:
    with _socket(host) as probe:
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _is_ours(mark: Path) -> bool:
    """Whether a server of this workspace listens there: it holds its mark."""
    if not mark.exists():
        return False
    with open(mark) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _socket(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _bind(listener: socket.socket, host: str, port: int) -> None:
    try:
        listener.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _taken(host, port) from error
        raise Unavailable(
            Text(
                f"Nothing can listen on {host}:{port}: {error.strerror}.", f"无法监听 {host}:{port}：{error.strerror}。"
            ),
            Text("Choose another address or port: --host, --port.", "请更换地址或端口：--host、--port。"),
        ) from error


def _taken(host: str, port: int) -> Unavailable:
    return Unavailable(
        Text(f"Port {port} on {host} is taken by another program.", f"{host} 的端口 {port} 已被其他程序占用。"),
        Text(f"Choose another: --port {port + 1}", f"请换一个端口：--port {port + 1}"),
    )
