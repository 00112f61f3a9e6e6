"""Which token a client sends."""

from __future__ import annotations

import ipaddress
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tuneworks.core.access import TOKEN_VARIABLE, token_in
from tuneworks.core.workspace import nearest


def authorisation(url: str, token: str | None) -> dict[str, str]:
    """The header that says who asks, where a token is found."""
    found = token or os.environ.get(TOKEN_VARIABLE) or (_left_here() if _is_this_machine(url) else None)
    return {"authorization": f"Bearer {found}"} if found else {}


def _left_here() -> str | None:
    """The token a server of this machine's workspace left for its user; never sent to another machine."""
    address = os.environ.get("TUNEWORKS_WORKSPACE") or ""
    folder = os.environ.get("TUNEWORKS_FOLDER") if "://" in address else address
    return token_in(Path(folder or nearest()))


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
