"""Who may do what: keys, their roles, what they used, and who acts now."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from tuneworks.core.bound import Bound
from tuneworks.core.text import Text

ROLES = ("viewer", "labeller", "operator", "administrator")
VIEWER, LABELLER, OPERATOR, ADMINISTRATOR = ROLES
"""Each role may do what those before it may: look and ask; judge answers; release and stop; give out keys."""

TOKEN = re.compile(r"tw_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
TOKEN_FILE = "token"
TOKEN_VARIABLE = "TUNEWORKS_TOKEN"
_acting: ContextVar[str | None] = ContextVar("acting", default=None)


@dataclass(frozen=True)
class ApiKey:
    """A key to the HTTP API: its token is known to its owner alone, here only the token's SHA-256 (``digest``).

    ``prefix``: how the token begins, to tell it from others. ``deployments``: those it may reach, all where empty.
    ``rate``: requests a minute, ``quota``: rows a calendar month (UTC), each unlimited where there is none.
    """

    id: str
    name: str
    role: str
    prefix: str
    digest: str
    made: str
    deployments: tuple[str, ...] = ()
    expires: str | None = None
    revoked: str | None = None
    rate: int | None = None
    quota: int | None = None


@dataclass(frozen=True)
class Caller:
    """Who sent a request, as the key says."""

    key_id: str
    name: str
    role: str
    deployments: tuple[str, ...] = ()

    def may(self, role: str) -> bool:
        """Whether the caller has the role, or one above it."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def reaches(self, deployment: str) -> bool:
        """Whether the key is for that deployment."""
        return not self.deployments or deployment in self.deployments


@dataclass(frozen=True)
class Usage:
    """What a key used of a deployment in an hour (UTC); ``refused``: requests past its rate or quota."""

    id: str
    key_id: str
    name: str
    deployment: str
    hour: str
    month: str
    requests: int = 0
    refused: int = 0
    rows: int = 0
    characters: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class AuditEntry:
    """One change of state: who changed which record, when, from what to what; ``digest`` seals it and all before it.

    ``change``: field -> its values before and after, of the fields that are no one's data. ``record_digest``: the
    SHA-256 of the record as it was then stored, none where it was removed.
    """

    id: str
    number: int
    made: str
    actor: str
    action: str
    kind: str
    record: str
    previous: str
    change: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    record_digest: str | None = None
    digest: str = ""


@dataclass(frozen=True)
class Allowance:
    """How far a key's requests have come, for all processes that take them; ``until``: seconds since 1970."""

    id: str
    until: float


def new_token(key_number: str) -> str:
    """A fresh token of 256 random bits, which says whose it is: ``tw_<number>_<secret>``."""
    return f"tw_{key_number}_{secrets.token_urlsafe(32)}"


def digest_of(token: str) -> str:
    """What is kept of a token; 256 random bits cannot be guessed from it, salted or not."""
    return hashlib.sha256(token.encode()).hexdigest()


def actor() -> str:
    """Who acts now: the key of a request, else this machine's user."""
    return _acting.get() or f"{_user()}@localhost"


def acting(who: str) -> Bound:
    """Whatever is changed inside the block was changed by ``who``."""
    return Bound(_acting, who)


def token_in(folder: Path) -> str | None:
    """The token a server left in its workspace's folder for this machine's user, if there is one."""
    try:
        return (folder / TOKEN_FILE).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def role_named(role: str) -> Text:
    """A role in both languages."""
    return ROLE_NAMES[role]


ROLE_NAMES = {
    VIEWER: Text("viewer", "查看者"),
    LABELLER: Text("labeller", "标注者"),
    OPERATOR: Text("operator", "运维者"),
    ADMINISTRATOR: Text("administrator", "管理员"),
}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
