"""Which role a route needs, said where the route is; a route that says nothing is closed to everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import fastapi.routing
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, compile_path

from tuneworks.core.access import ROLES, Caller
from tuneworks.core.errors import Forbidden
from tuneworks.core.text import Text

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
ITSELF = "(itself)"
ROLE_ATTRIBUTE = "tuneworks_needs"
PUBLIC = frozenset(
    {
        ("GET", "/openapi.json"),
        ("GET", "/v1/health"),
        ("GET", "/v1/health/live"),
        ("GET", "/v1/health/ready"),
        ("GET", "/v2/health/live"),
        ("GET", "/v2/health/ready"),
    }
)
"""All that is answered without a key: whether the server is there, and how it is asked."""


@dataclass(frozen=True)
class Needs:
    """The role a route needs; ``deployment``: the path parameter that names the deployment it is about.

    ``ITSELF``: the route asks the caller which deployments it reaches; ``None``: keys for some deployments are refused.
    """

    role: str
    deployment: str | None = None


def needs(role: str, *, deployment: str | None = None) -> Callable[[Endpoint], Endpoint]:
    """Declare what an endpoint needs: ``@needs(OPERATOR, deployment="name")`` right above the function."""
    if role not in ROLES:
        raise ValueError(f"no role {role!r}")

    def declared(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, ROLE_ATTRIBUTE, Needs(role, deployment))
        return endpoint

    return declared


@dataclass(frozen=True)
class Entry:
    """A route as the guard knows it: what it answers to, and what it needs (nothing said: closed)."""

    path: str
    methods: frozenset[str]
    needs: Needs | None
    below: bool = False

    @property
    def public(self) -> bool:
        """Whether it is answered without a key."""
        return not self.below and all((method, self.path) in PUBLIC for method in self.methods - {"HEAD"})


def entries(routes: list[BaseRoute]) -> Iterator[Entry]:
    """Every route of an application: those of its routers, mounted applications, and any other kind."""
    for route in getattr(fastapi.routing, "iter_route_contexts", iter)(routes):
        path = getattr(route, "path", None) or ""
        original = getattr(route, "original_route", route)
        if isinstance(original, Mount):
            yield Entry(path, frozenset(), getattr(original.app, ROLE_ATTRIBUTE, None), below=True)
        else:
            endpoint = getattr(route, "endpoint", None)
            yield Entry(path, frozenset(getattr(route, "methods", None) or ()), getattr(endpoint, ROLE_ATTRIBUTE, None))


def pattern_of(entry: Entry) -> Any:
    """What a request's path must match to be the route's."""
    return compile_path(f"{entry.path}/{{path:path}}" if entry.below else entry.path)[0]


def caller_in(request: Request) -> Caller:
    """Who sent the request."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def must_reach(request: Request, deployment: str) -> None:
    """Raise ``Forbidden`` where the caller's key is not for the deployment."""
    if not caller_in(request).reaches(deployment):
        raise not_for(deployment)


def not_for(deployment: str) -> Forbidden:
    """The error of a key that is for other deployments."""
    return Forbidden(
        Text(f"This key is not for the deployment {deployment!r}.", f"此密钥不能用于部署 {deployment!r}。"),
        Text("Use a key that is, or ask an administrator for one.", "请使用适用的密钥，或向管理员申请。"),
    )


def not_for_all() -> Forbidden:
    """The error of a key that is for some deployments, where what is asked is no one deployment's."""
    return Forbidden(
        Text("This key is for some deployments alone.", "此密钥仅限部分部署。"),
        Text("Ask an administrator for a key to the whole workspace.", "请向管理员申请可访问整个工作区的密钥。"),
    )
