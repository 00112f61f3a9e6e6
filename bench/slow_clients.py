"""Clients that never finish a request: each has sent half of one, and sends another byte every second."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence


def half_a_request(port: int) -> socket.socket:
    """A connection with the beginning of a request on it."""
    made = socket.create_connection(("127.0.0.1", port))
    made.sendall(b"POST /v1/deployments HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    return made


def all_closed(held: Sequence[socket.socket]) -> float:
    """When (monotonic seconds) the server had closed the last of them."""
    left = list(held)
    while left:
        left = [one for one in left if _is_open(one)]
        time.sleep(1)
    return time.monotonic()


def _is_open(one: socket.socket) -> bool:
    try:
        one.send(b"x")
        one.setblocking(False)
        if one.recv(4096) != b"":
            return True
    except BlockingIOError:
        return True
    except OSError:
        pass
    one.close()
    return False
