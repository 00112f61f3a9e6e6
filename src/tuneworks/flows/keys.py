"""Keys to the HTTP API: made, listed, revoked, and recognised."""

from __future__ import annotations

import hmac
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tuneworks.core.access import (
    ADMINISTRATOR,
    ROLES,
    TOKEN,
    TOKEN_FILE,
    ApiKey,
    Caller,
    digest_of,
    new_token,
)
from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import Conflict, InvalidConfig, NotFound, Unauthenticated
from tuneworks.core.files import staged_beside
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace
from tuneworks.flows.names import DEPLOYMENT, must_be_name

TRUSTED_SECONDS = 0.4  # how long a key is believed without asking the store: revoking takes effect well within a second
KEPT_KEYS = 1024
MOST_DAYS = 3650
FIRST = "0" * 16
NEW_KEY = Text("Make a key: tuneworks new key NAME --role ROLE", "请创建密钥：tuneworks new key 名称 --role 角色")


@dataclass(frozen=True)
class NewKey:
    """A key and its token, which is nowhere else and cannot be shown again."""

    key: ApiKey
    token: str


@dataclass(frozen=True)
class Limits:
    """How much a key may: until when (``days``), of which deployments, requests a minute, rows a month."""

    days: int | None = None
    deployments: Sequence[str] = ()
    rate: int | None = None
    quota: int | None = None


def new_key(name: str, *, role: str, limits: Limits = Limits(), workspace: Workspace | None = None) -> NewKey:
    """A key for whoever holds its token; raises ``InvalidConfig`` for a role or a limit that cannot be."""
    workspace = workspace or Workspace.open()
    return _kept(workspace, new_id("key"), name, role, limits)


def keys(*, workspace: Workspace | None = None) -> list[ApiKey]:
    """All keys, the revoked and expired too, without what is kept of their tokens."""
    return [replace(key, digest="") for key in (workspace or Workspace.open()).store.find(ApiKey)]


def key_of(workspace: Workspace, id: str) -> ApiKey:
    """The key of that id, without what is kept of its token."""
    return replace(_found(workspace, id), digest="")


def revoke(id: str, *, workspace: Workspace | None = None) -> ApiKey:
    """End a key: within a second no process takes it any more. The record stays, so that its uses can be told."""
    workspace = workspace or Workspace.open()
    while True:
        revision, key = workspace.store.revision(ApiKey, id), _found(workspace, id)
        revoked = key if key.revoked else replace(key, revoked=now())
        with suppress(Conflict):
            if revoked is not key:
                workspace.store.put(revoked, expect={id: revision})
            return replace(revoked, digest="")


def first_token(workspace: Workspace) -> str | None:
    """The token of a first administrator, kept in the workspace's folder for this user alone; none where keys exist."""
    if workspace.store.find(ApiKey, limit=1):
        return None
    try:
        made = _kept(workspace, f"key-{FIRST}", "first-start", ADMINISTRATOR, Limits())
    except Conflict:
        return None
    _leave(workspace, made.token)
    return made.token


class Keyring:
    """Who a token belongs to; the store is asked again after ``TRUSTED_SECONDS``."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._known: OrderedDict[str, tuple[float, ApiKey]] = OrderedDict()
        self._turn = threading.Lock()

    def known(self, token: str) -> ApiKey | None:
        """The token's key where that was looked up a moment ago; nothing is read."""
        found = self._known.get(digest_of(token))
        if found is None or time.monotonic() - found[0] > TRUSTED_SECONDS:
            return None
        _must_be_valid(found[1])
        return found[1]

    def look_up(self, token: str) -> ApiKey:
        """The token's key as it is stored now; raises ``Unauthenticated``."""
        digest = digest_of(token)
        matched = TOKEN.fullmatch(token)
        began = time.monotonic()
        key = self._workspace.store.get(ApiKey, f"key-{matched[1]}") if matched else None
        with self._turn:
            self._known.pop(digest, None)
            if key is None or not hmac.compare_digest(key.digest, digest):
                raise _unknown()
            _must_be_valid(key)
            self._known[digest] = (began, key)
            if len(self._known) > KEPT_KEYS:
                self._known.popitem(last=False)
        return key


def caller_of(key: ApiKey) -> Caller:
    """Who holds the key."""
    return Caller(key.id, key.name, key.role, key.deployments)


# -- making ------------------------------------------------------------------------------------------


def _kept(workspace: Workspace, id: str, name: str, role: str, limits: Limits) -> NewKey:
    if role not in ROLES:
        raise InvalidConfig(
            Text(f"There is no role {role!r}.", f"没有名为 {role!r} 的角色。"),
            Text(f"Choose one of: {', '.join(ROLES)}.", f"请选择：{'、'.join(ROLES)}。"),
        )
    if role == ADMINISTRATOR and limits.deployments:
        raise InvalidConfig(
            Text("An administrator's key cannot be for some deployments alone.", "管理员密钥不能限定部署。"),
            Text("Leave --deployments out, or choose another role.", "请去掉 --deployments，或选择其他角色。"),
        )
    token = new_token(id.removeprefix("key-"))
    key = ApiKey(
        id,
        name,
        role,
        token[:11],
        digest_of(token),
        now(),
        tuple(must_be_name(each, DEPLOYMENT) for each in limits.deployments),
        _end(limits.days),
        rate=_positive(limits.rate, "rate"),
        quota=_positive(limits.quota, "quota"),
    )
    workspace.store.put(key, expect={id: 0})
    return NewKey(replace(key, digest=""), token)


def _found(workspace: Workspace, id: str) -> ApiKey:
    key = workspace.store.get(ApiKey, id)
    if key is None:
        raise NotFound(
            Text(f"There is no key {id!r}.", f"没有编号为 {id!r} 的密钥。"),
            Text("See the keys: tuneworks list keys", "查看所有密钥：tuneworks list keys"),
        )
    return key


def _end(days: int | None) -> str | None:
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        raise InvalidConfig(
            Text(f"A key cannot be valid for {days} days.", f"密钥的有效期不能为 {days} 天。"),
            Text(f"Choose 1 to {MOST_DAYS}, or leave it out.", f"请选择 1 至 {MOST_DAYS}，或省略。"),
        )
    end = datetime.now(UTC) + timedelta(days=days)
    return end.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _positive(value: int | None, what: str) -> int | None:
    if value is None or value >= 1:
        return value
    raise InvalidConfig(
        Text(f"The {what} must be 1 or more, got {value}.", f"{what} 应不小于 1，实为 {value}。"),
        Text("Leave it out for no limit.", "省略即不限。"),
    )


def _leave(workspace: Workspace, token: str) -> None:
    """The token in a file that nobody but its owner may read, from its first moment on."""
    path = workspace.root / TOKEN_FILE
    staged = staged_beside(path)
    with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token + "\n")
    os.replace(staged, path)


# -- recognising -------------------------------------------------------------------------------------


def _must_be_valid(key: ApiKey) -> None:
    if key.revoked:
        raise Unauthenticated(
            Text(f"The key {key.prefix}... was revoked.", f"密钥 {key.prefix}... 已被撤销。"), NEW_KEY
        )
    if key.expires and key.expires <= now():
        raise Unauthenticated(Text(f"The key {key.prefix}... has expired.", f"密钥 {key.prefix}... 已过期。"), NEW_KEY)


def _unknown() -> Unauthenticated:
    return Unauthenticated(Text("The key is not known here.", "此密钥无效。"), NEW_KEY)
