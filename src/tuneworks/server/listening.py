"""The port: connections are taken, looked after, and at the end let go without losing one.

Several processes may listen on one port (``SO_REUSEPORT``); the kernel gives each new connection to one of them.
Whoever stops first turns new connections away by silence (their client's kernel asks again, and comes to another
process), takes those that are waiting, and then closes the port; what is connected is answered, and told that it was
the last time.
"""

from __future__ import annotations

import asyncio
import ctypes
import resource
import socket
import struct
import time
from contextlib import suppress
from email.utils import formatdate
from typing import Any

from tuneworks.server.connection import Connection
from tuneworks.server.exchange import Exchange

BACKLOG = 2048
LOOK_SECONDS = 1.0
SILENT_SECONDS = 0.1
QUIET_SECONDS = 1.0
DRAIN_SECONDS = 25.0
FILES_KEPT_FREE = 128
SO_ATTACH_FILTER = 26
WITHOUT_SYN = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""A socket filter: of the flags of a TCP segment keep SYN and ACK; where only SYN is set drop it, take all others."""


class Listening:
    """One listening socket, and the connections that came by it."""

    def __init__(self, listener: socket.socket, app: Any, tls: Any = None) -> None:
        self.connections: set[Connection] = set()
        self.is_draining = False
        self.date = b""
        self.time = time.monotonic
        self._listener, self._app, self._tls = listener, app, tls
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - FILES_KEPT_FREE
        self._is_hurried = asyncio.Event()
        self._is_taking = False
        self._connecting = 0

    async def begin(self) -> None:
        """Take connections from now on."""
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        self._take_more()
        self._keep(self._look())

    def start(self, exchange: Exchange) -> None:
        """Have the application answer."""
        self._keep(exchange.run(self._app))

    async def drain(self) -> None:
        """Close the port and answer what came by it; ends when every client has left, or in half a minute."""
        self.is_draining = True
        _turn_away(self._listener)
        await self._wait(SILENT_SECONDS)
        self._accept()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        end = self.time() + DRAIN_SECONDS
        while (self.connections or self._connecting) and self.time() < end and not self._is_hurried.is_set():
            await self._wait(0.02)
            for connection in list(self.connections):
                connection.leave_if_quiet(self.time(), QUIET_SECONDS)
        for connection in list(self.connections):
            connection.abort()

    def hurry(self) -> None:
        """Wait for nobody any more."""
        self._is_hurried.set()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_hurried.wait(), seconds)

    def _take_more(self) -> None:
        self._is_taking = True
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Take all connections that are waiting, as long as there are files for them."""
        while True:
            if len(self.connections) + self._connecting >= self._most:
                self._is_taking = False
                self._loop.remove_reader(self._listener)
                return
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connecting += 1
            self._keep(self._connect(accepted))

    async def _connect(self, accepted: socket.socket) -> None:
        try:
            with suppress(OSError):
                await self._loop.connect_accepted_socket(lambda: Connection(self), accepted, ssl=self._tls)
        finally:
            self._connecting -= 1

    async def _look(self) -> None:
        """Once a second: the date, who is too slow, and whether more connections may come."""
        while True:
            self.date = b"date: %b\r\n" % formatdate(usegmt=True).encode()
            now = self.time()
            for connection in list(self.connections):
                connection.look(now)
            if not self._is_taking and not self.is_draining:
                self._take_more()
            await asyncio.sleep(LOOK_SECONDS)

    def _keep(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _turn_away(listener: socket.socket) -> None:
    """Have the kernel drop the first segment of new connections, where it can."""
    steps = b"".join(struct.pack("HBBI", *step) for step in WITHOUT_SYN)
    program = ctypes.create_string_buffer(steps, len(steps))
    with suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(WITHOUT_SYN), ctypes.addressof(program))
        )
