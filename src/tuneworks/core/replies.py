"""What was answered to a request that named itself, so that the same request is not done twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reply:
    """The answer to a request with an idempotency key; while it is worked out it has no ``status``.

    ``id``: a hash of who asked, where, and the key. ``request``: a hash of all that was asked. ``owner``: the process
    that works on it. ``body`` is text, or base64 where ``binary``.
    """

    id: str
    request: str
    made: str
    owner: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    binary: bool = False
