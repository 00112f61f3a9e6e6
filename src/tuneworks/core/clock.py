"""Time and ids, in one place so that tests can hold them still."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def now() -> str:
    """The present moment, UTC, ISO 8601 with microseconds: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def new_id(prefix: str) -> str:
    """A fresh id such as ``run-5f0c3a9be1d24c77``: 64 random bits after a readable prefix."""
    return f"{prefix}-{secrets.token_hex(8)}"
