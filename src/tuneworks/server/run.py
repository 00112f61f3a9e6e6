"""Serving a workspace over HTTP until told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable

import uvloop
from fastapi import FastAPI

from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace
from tuneworks.flows.keys import first_token
from tuneworks.flows.warm import warm
from tuneworks.server.app import create_app
from tuneworks.server.exposure import LOOPBACK_ALONE, Exposure
from tuneworks.server.listening import Listening
from tuneworks.server.ports import bound

SWITCH_SECONDS = 0.0005  # a worker comes back from native code many times a batch: so soon the port makes way for it
OBJECTS_BETWEEN_COLLECTIONS = 50_000
JOINED = Text(
    "Another server of this workspace listens there too; each answers a part of the requests.",
    "本工作区的另一个服务也在监听该端口；两者各自响应一部分请求。",
)


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    workspace: Workspace | None = None,
    ready: Callable[[str], None] | None = None,
    listener: Listener = silent,
    exposure: Exposure = LOOPBACK_ALONE,
) -> None:
    """Answer HTTP requests until Ctrl-C or SIGTERM; ``ready`` is called with the URL once they are accepted.

    Port 0 means any free one. Raises ``InvalidConfig`` where others could listen in (``exposure``).
    """
    exposed = exposure.checked(host)
    tls = exposed.tls()
    workspace = workspace or Workspace.open()
    with bound(host, port, workspace.root / "ports") as port_held:
        first_token(workspace)
        _renew(workspace, listener)
        warm(workspace, listener=listener)
        if port_held.shared:
            tell(listener, "joined", JOINED)
        named = f"[{host}]" if ":" in host else host
        url = f"{'https' if tls else 'http'}://{named}:{port_held.number}"
        app = create_app(workspace, hosts=exposed.hosts, proxies=exposed.proxies)
        suit_many_threads()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_told(app, port_held.listener, tls, lambda: ready(url) if ready else None))
    tell(listener, "stopped", Text("The server has stopped.", "服务已停止。"))


async def _until_told(
    app: FastAPI, listener: socket.socket, tls: ssl.SSLContext | None, ready: Callable[[], None]
) -> None:
    """Answer until the first signal; then answer what was asked and go. A second signal ends the waiting."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    async with app.router.lifespan_context(app):
        listening = Listening(listener, app, tls)

        def stop() -> None:
            if told.is_set():
                listening.hurry()
            app.state.stopping = True  # streams of events end themselves: the server waits for what it still answers
            told.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        await listening.begin()
        ready()
        await told.wait()
        await listening.drain()


def suit_many_threads() -> None:
    """Have the workers share the cores with the port: nothing spins, and nobody holds the interpreter for long."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a worker a core is enough
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # what is loaded now stays: the collector need not look at it again and again
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


def _renew(workspace: Workspace, listener: Listener) -> None:
    """Encrypt anew what is stored in clear, or under an older key."""
    if renewed := workspace.store.renew():
        tell(listener, "renewed", Text(f"Encrypted anew: {renewed} records.", f"已重新加密 {renewed} 条记录。"))
