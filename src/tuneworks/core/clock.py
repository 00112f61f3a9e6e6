"""Time and ids, in one place so that tests can hold them still."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime

ID_BYTES, AT_ONCE = 8, 256
_bits: list[str] = []  # fetched many at a time: with each fetch a thread gives the interpreter away
os.register_at_fork(after_in_child=_bits.clear)


def now() -> str:
    """The present moment, UTC, ISO 8601 with microseconds: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def new_id(prefix: str) -> str:
    """A fresh id such as ``run-5f0c3a9be1d24c77``: 64 random bits after a readable prefix."""
    try:
        return f"{prefix}-{_bits.pop()}"
    except IndexError:
        fetched = secrets.token_bytes(ID_BYTES * AT_ONCE)
        _bits.extend(fetched[at : at + ID_BYTES].hex() for at in range(0, len(fetched), ID_BYTES))
        return new_id(prefix)
