"""The guard before every route: who asks, from where, by which name, and whether they may."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuneworks.core.access import ApiKey, Caller, acting, role_named
from tuneworks.core.errors import (
    Forbidden,
    InvalidInput,
    Misdirected,
    TooManyRequests,
    TuneworksError,
    Unauthenticated,
)
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace
from tuneworks.flows.keys import NEW_KEY, Keyring, caller_of
from tuneworks.flows.rates import Rates, must_be_within_quota, must_be_within_rate
from tuneworks.flows.usage import Spent, meter_of
from tuneworks.server.access import ITSELF, PUBLIC, Entry, entries, not_for, not_for_all, pattern_of
from tuneworks.server.languages import header
from tuneworks.server.problems import WrongMethod, answer_to, nothing_at

LOOPBACK = ("localhost", "127.0.0.1", "::1")
KEPT_PATHS = 2048
BEARER = "bearer "
SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
SECURE_ONLY = (b"strict-transport-security", b"max-age=31536000")
Found = tuple[Entry | None, Mapping[str, str], frozenset[str]]


class Guard:
    """Middleware: every route of ``served`` is closed but the public ones; ``scope["state"]["caller"]`` says who asks.

    ``hosts``: names it is called by beside loopback's; ``proxies``: the only addresses beside loopback that may speak
    to it in clear text.
    """

    def __init__(
        self, app: ASGIApp, *, served: FastAPI, hosts: Collection[str] = (), proxies: Collection[str] = ()
    ) -> None:
        self.app = app
        self._served = served
        self._workspace: Workspace = served.state.workspace
        self._hosts = {*LOOPBACK, *(host.lower() for host in hosts)}
        self._proxies = frozenset(proxies)
        self._keys = Keyring(self._workspace)
        self._asked: dict[str, asyncio.Future[ApiKey]] = {}
        self._rates = Rates(self._workspace)
        self._routes = Routes(served)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._guarded(scope, receive, with_headers(scope, send))

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        state["spent"] = spent = Spent()
        try:
            self._must_come_from_here(scope)
            state["caller"] = caller = await self._admitted(scope, spent)
        except TuneworksError as error:
            await answer_to(error)(scope, receive, send)
            return
        try:
            with acting(f"{caller.name} ({caller.key_id})" if caller else "public"):
                await self.app(scope, receive, send)
        finally:
            if caller is not None:
                meter_of(self._workspace).count(caller, spent)

    async def _admitted(self, scope: Scope, spent: Spent) -> Caller | None:
        """The caller, or nobody on a public route."""
        method, path = scope["method"], scope["path"]
        if (("GET" if method == "HEAD" else method), path) in PUBLIC:
            return await self._caller_if_known(scope)
        key = await self._key(scope)
        caller = caller_of(key)
        entry, parameters, methods = self._routes.find(method, path)
        if entry is None:
            raise WrongMethod(path, method, ", ".join(sorted(methods))) if methods else nothing_at(path)
        _must_be_allowed(caller, entry, parameters)
        spent.deployment = parameters.get(entry.needs.deployment or "", "") if entry.needs else ""
        if key.rate or key.quota:
            await self._must_be_within(key, spent)
        return caller

    async def _caller_if_known(self, scope: Scope) -> Caller | None:
        try:
            return caller_of(await self._key(scope))
        except TuneworksError:
            return None

    async def _key(self, scope: Scope) -> ApiKey:
        token = _token(scope)
        if known := self._keys.known(token):
            return known
        return await asyncio.shield(self._looked_up(token))

    def _looked_up(self, token: str) -> asyncio.Future[ApiKey]:
        """What the store says of a token, asked once for all requests that come with it meanwhile."""

        def note(asked: asyncio.Future[ApiKey]) -> None:
            del self._asked[token]
            if not asked.cancelled():
                asked.exception()  # who waited was told; nobody may have

        if token not in self._asked:
            self._asked[token] = asyncio.ensure_future(run_in_threadpool(self._keys.look_up, token))
            self._asked[token].add_done_callback(note)
        return self._asked[token]

    async def _must_be_within(self, key: ApiKey, spent: Spent) -> None:
        """Raise ``TooManyRequests`` past the key's rate or quota; what is refused is counted too."""
        meter = meter_of(self._workspace)
        try:
            if key.rate:
                wait = self._rates.wait_seconds(key)
                must_be_within_rate(key, await run_in_threadpool(self._rates.ask, key) if wait is None else wait)
            if key.quota:
                must_be_within_quota(key, await run_in_threadpool(meter.rows_this_month, key.id))
        except TooManyRequests:
            meter.count(caller_of(key), spent, requests=0, refused=1)
            raise

    def _must_come_from_here(self, scope: Scope) -> None:
        """Refuse other host names (a page that had its own name point here) and pages of other sites."""
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        host = _host_of(f"//{named[0]}") if len(named) == 1 else ""
        if host not in self._hosts:
            raise _misdirected(", ".join(named))
        origin = header(scope, b"origin")
        if origin and _host_of(origin) != host:
            raise Forbidden(
                Text(f"Pages of {origin} may not send requests here.", f"{origin} 的页面不能向此处发送请求。"),
                Text("Send the request from a program, not from a page.", "请由程序而非网页发送请求。"),
            )
        peer = (scope.get("client") or ("",))[0]
        if self._proxies and scope.get("scheme") != "https" and peer not in self._proxies and peer not in LOOPBACK:
            raise Forbidden(
                Text(f"{peer} may not speak to this server directly.", f"{peer} 不能直接访问此服务。"),
                Text("Use the address of the proxy in front of it.", "请使用其前置代理的地址。"),
            )


class Routes:
    """The app's routes and what they need, found by path; the same paths are asked for again and again."""

    def __init__(self, served: FastAPI) -> None:
        self._served = served
        self._count = -1
        self._table: list[tuple[Any, Entry]] = []
        self._kept: dict[tuple[str, str], Found] = {}

    def find(self, method: str, path: str) -> Found:
        """The route, its path parameters, and (where there is none) the methods that the path would take."""
        if len(self._served.routes) != self._count:
            self._count = len(self._served.routes)
            self._table = [(pattern_of(entry), entry) for entry in entries(self._served.routes)]
            self._kept.clear()
        key = method, path
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= KEPT_PATHS:
                self._kept.clear()
            found = self._kept[key] = self._matched(method, path)
        return found

    def _matched(self, method: str, path: str) -> Found:
        other: set[str] = set()
        for pattern, entry in self._table:
            if matched := pattern.match(path):
                if not entry.methods or method in entry.methods:
                    return entry, matched.groupdict(), frozenset()
                other |= entry.methods
        return None, {}, frozenset(other)


def _must_be_allowed(caller: Caller, entry: Entry, parameters: Mapping[str, str]) -> None:
    """Raise ``Forbidden`` where the role, or the deployments, of the caller's key do not suffice."""
    if entry.needs is None:
        raise Forbidden(
            Text(f"{entry.path} is open to nobody.", f"{entry.path} 不对任何人开放。"),
            Text("The routes are listed in /openapi.json.", "所有接口见 /openapi.json。"),
        )
    if not caller.may(entry.needs.role):
        needed, own = role_named(entry.needs.role), role_named(caller.role)
        raise Forbidden(
            Text(
                f"This needs the role {needed.en}; the key's is {own.en}.",
                f"需要角色“{needed.zh}”；此密钥为“{own.zh}”。",
            ),
            Text("Ask an administrator for a key with that role.", "请向管理员申请具有该角色的密钥。"),
        )
    if not caller.deployments or entry.needs.deployment == ITSELF:
        return
    if entry.needs.deployment is None:
        raise not_for_all()
    named = parameters[entry.needs.deployment]
    if not caller.reaches(named):
        raise not_for(named)


def _token(scope: Scope) -> str:
    """The token of the one ``Authorization`` header there is."""
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        raise Unauthenticated(
            Text("The request carries no key.", "请求没有携带密钥。"),
            Text(
                f"Send it as the header Authorization: Bearer TOKEN. {NEW_KEY.en}",
                f"请以 Authorization: Bearer 令牌 请求头发送。{NEW_KEY.zh}",
            ),
        )
    if len(given) > 1 or given[0][: len(BEARER)].lower() != BEARER:
        raise Unauthenticated(
            Text("The Authorization header is not one Bearer token.", "Authorization 请求头不是单个 Bearer 令牌。"),
            Text("Send: Authorization: Bearer TOKEN", "请发送：Authorization: Bearer 令牌"),
        )
    return given[0][len(BEARER) :]


@lru_cache(maxsize=64)
def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _misdirected(host: str) -> TuneworksError:
    if not host:
        return InvalidInput(
            Text("The request names no host.", "请求未指明主机。"), Text("Send a Host header.", "请发送 Host 请求头。")
        )
    return Misdirected(
        Text(f"This server does not answer for {host}.", f"此服务不响应 {host}。"),
        Text(f"If it should: tuneworks serve --allow-host {host}", f"如需响应：tuneworks serve --allow-host {host}"),
    )


def with_headers(scope: Scope, send: Send) -> Send:
    """What sends an answer with the headers that every answer has for the sake of browsers."""
    added = (*SAFE, SECURE_ONLY) if scope.get("scheme") == "https" else SAFE

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sent
