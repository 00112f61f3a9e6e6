"""Bytes to a server and back, without a client that would put them right."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


def exchanged(url: str, sent: bytes, *, seconds: float = 1.5) -> bytes:
    """All that comes back until the server ends the connection, or says nothing more for so long."""
    place = urlsplit(url)
    received = b""
    with socket.create_connection((place.hostname, place.port), seconds) as connection, suppress(OSError):
        connection.settimeout(seconds)
        connection.sendall(sent)
        while piece := connection.recv(65536):
            received += piece
    return received


def statuses(received: bytes) -> list[int]:
    """The statuses of all answers in what was received."""
    return [int(status) for status in STATUS.findall(received)]
