"""Serving a workspace over HTTP until told to stop."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from granian.constants import Interfaces
from granian.server.embed import Server

from tuneworks.core.errors import InvalidConfig, Unavailable
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace
from tuneworks.flows.warm import warm
from tuneworks.server.app import create_app

LOOK_EVERY_SECONDS = 0.02
CONNECT_SECONDS = 0.5


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    workspace: Workspace | None = None,
    ready: Callable[[str], None] | None = None,
    listener: Listener = silent,
) -> None:
    """Answer HTTP requests until Ctrl-C or SIGTERM; ``ready`` is called with the URL once they are accepted.

    Port 0 means any free one.
    """
    _loopback_only(host)
    port = port or _any_port(host)
    _free(host, port)
    workspace = workspace or Workspace.open()
    warm(workspace, listener=listener)
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    app = create_app(workspace)
    server = Server(app, host, port, interface=Interfaces.ASGI, log_enabled=False, websockets=False)

    def stop() -> None:
        app.state.stopping = True  # streams of events end themselves: the server waits for what it still answers
        server.stop()

    asyncio.run(_until_told(server, stop, host, port, lambda: ready(url) if ready else None))
    tell(listener, "stopped", Text("The server has stopped.", "服务已停止。"))


async def _until_told(
    server: Server, stop: Callable[[], None], host: str, port: int, ready: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    announcing = loop.create_task(_announce(host, port, ready))
    try:
        await server.serve()
    finally:
        announcing.cancel()


async def _announce(host: str, port: int, ready: Callable[[], None]) -> None:
    """Wait until the port takes connections, then say so."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            break
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    ready()


def _loopback_only(host: str) -> None:
    with suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return
    raise InvalidConfig(
        Text(
            f"The server does not listen on {host!r}: it has no login yet, so anybody in the network could use it.",
            f"服务不会监听 {host!r}：目前尚无登录功能，网络中的任何人都可能使用它。",
        ),
        Text(
            "Use --host 127.0.0.1 and let a reverse proxy with a login of its own pass requests on.",
            "请使用 --host 127.0.0.1，并通过带登录功能的反向代理转发请求。",
        ),
    )


def _any_port(host: str) -> int:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as held:
        return int(held.getsockname()[1])


def _free(host: str, port: int) -> None:
    if not 1 <= port <= 65535:
        raise InvalidConfig(
            Text(f"{port} is not a port.", f"{port} 不是有效端口。"),
            Text("Choose one from 1 to 65535: --port 8765", "请选择 1 至 65535 之间的端口：--port 8765"),
        )
    with suppress(OSError), socket.create_connection((host, port), CONNECT_SECONDS):
        raise Unavailable(
            Text(f"Port {port} on {host} is taken by another program.", f"{host} 的端口 {port} 已被其他程序占用。"),
            Text(f"Choose another: --port {port + 1}", f"请换一个端口：--port {port + 1}"),
        )
