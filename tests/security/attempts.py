"""Ways past a door: requests as bytes, each of which must get nothing but a refusal."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Attempt:
    """One request as it goes over the wire, and what it tries."""

    name: str
    sent: bytes


def attempts(host: str, deployment: str, tokens: Mapping[str, str]) -> Iterator[Attempt]:
    """More than 300 of them; ``tokens``: some that were valid once, or are for less."""
    yield from _by_credentials(host, deployment, tokens)
    yield from _by_path(host)
    yield from _by_header(host)
    yield from _by_method(host)
    yield from _by_protocol(host)


def request(method: str, path: str, host: str, *headers: str, version: str = "1.1", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", f"Host: {host}", "Connection: close", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _by_credentials(host: str, deployment: str, tokens: Mapping[str, str]) -> Iterator[Attempt]:
    good = tokens["revoked"]
    number, secret = good.split("_", 2)[1:]
    said = {
        "nothing": [],
        "an empty header": ["Authorization:"],
        "an empty token": ["Authorization: Bearer "],
        "a revoked key": [f"Authorization: Bearer {good}"],
        "an expired key": [f"Authorization: Bearer {tokens['expired']}"],
        "a key cut short": [f"Authorization: Bearer {good[:-1]}"],
        "a key made longer": [f"Authorization: Bearer {good}A"],
        "a key of capitals": [f"Authorization: Bearer {good.upper()}"],
        "a key in blanks": [f"Authorization: Bearer  {good} "],
        "a key's number alone": [f"Authorization: Bearer tw_{number}_"],
        "a key's number, other secret": [f"Authorization: Bearer tw_{number}_{'A' * 43}"],
        "another number, its secret": [f"Authorization: Bearer tw_{'f' * 16}_{secret}"],
        "the first key, no secret": [f"Authorization: Bearer tw_{'0' * 16}_{'0' * 43}"],
        "the digest as token": [f"Authorization: Bearer {tokens['digest']}"],
        "basic": [f"Authorization: Basic {base64.b64encode(f'admin:{good}'.encode()).decode()}"],
        "basic, default": [f"Authorization: Basic {base64.b64encode(b'admin:admin').decode()}"],
        "digest": ['Authorization: Digest username="admin"'],
        "token scheme": [f"Authorization: Token {good}"],
        "two schemes": [f"Authorization: Bearer {good}, Bearer {good}"],
        "two headers": [f"Authorization: Bearer {good}", "Authorization: Bearer x"],
        "percent": ["Authorization: Bearer %s"],
        "star": ["Authorization: Bearer *"],
        "null": ["Authorization: Bearer null"],
        "undefined": ["Authorization: Bearer undefined"],
        "sql": ["Authorization: Bearer tw_' OR '1'='1"],
        "sql comment": ["Authorization: Bearer tw_0000000000000000_'--"],
        "none token": [f"Authorization: Bearer {_jwt({'alg': 'none'})}"],
        "swapped algorithm": [f"Authorization: Bearer {_jwt({'alg': 'HS256', 'kid': '../../dev/null'})}"],
        "long": [f"Authorization: Bearer {'A' * 8000}"],
        "letters past ASCII": ["Authorization: Bearer tw_\xe9\xe9"],
        "cookie": [f"Cookie: token={good}; session=admin; TUNEWORKS_TOKEN={good}"],
        "other header": [f"X-Api-Key: {good}"],
        "proxy header": [f"Proxy-Authorization: Bearer {good}"],
        "underscore": [f"Authorization_: Bearer {good}"],
    }
    body = json.dumps({"row": {"text": "a"}}).encode()
    places = [("GET", "/v1/keys", b""), ("POST", f"/v1/deployments/{deployment}/predict", body)]
    for (name, headers), (method, path, sent) in product(said.items(), places):
        yield Attempt(f"{name} at {path}", request(method, path, host, *headers, body=sent))
    for parameter in ("token", "key", "api_key", "access_token", "authorization", "auth", "apikey", "bearer"):
        for value in (good, f"Bearer {good}".replace(" ", "%20"), tokens["digest"]):
            yield Attempt(f"query {parameter}", request("GET", f"/v1/audit?{parameter}={value}", host))


def _by_path(host: str) -> Iterator[Attempt]:
    inner = ["v1/keys", "v1/audit", "v1/usage", "metrics"]
    shapes = [
        "/{0}/", "//{0}", "/{0}//", "/./{0}", "/x/../{0}", "/v1/health/../../{0}", "/v1/health/..%2f..%2f{0}",
        "/v1/health;/../{0}", "/{0};", "/{0};.css", "/{0}.json", "/{0}%00", "/{0}%20", "/{0}%0a", "/{0}%0d%0a", "/{0}?",
        "/{0}#/v1/health", "/openapi.json/../{0}", "/openapi.json%2f..%2f{0}", "/%2e/{0}", "/%2e%2e/{0}", "/.%2e/{0}",
        "/\\{0}", "/%5c{0}", "/{0}%23", "/{0}%3f", "/{0}/..;/", "/..;/{0}", "/v1/health?/../{0}", "/v1/health%3f/{0}",
        "/{1}", "/{2}", "/{3}", "/v1/health/{0}", "/openapi.json/{0}", "/v1%2fhealth/../{0}", "http://127.0.0.1/{0}",
        "http://localhost/v1/health/../{0}",
    ]  # fmt: skip
    for path, shape in product(inner, shapes):
        filled = shape.format(
            path, path.upper(), path.replace("/", "%2f"), path.replace("k", "%6b").replace("a", "%61")
        )
        yield Attempt(f"path {filled}", request("GET", filled, host))


def _by_header(host: str) -> Iterator[Attempt]:
    told = [
        "X-Original-URL: /v1/health", "X-Rewrite-URL: /v1/health", "X-Forwarded-For: 127.0.0.1", "X-Real-IP: ::1",
        "X-Forwarded-Host: localhost", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /v1/health",
        "Forwarded: for=127.0.0.1;host=localhost", "X-Forwarded-User: admin", "X-Remote-User: admin",
        "Remote-User: root", "X-User: administrator", "X-Role: administrator", "X-Forwarded-Role: administrator",
        "X-Auth-Request-User: admin", "X-Authenticated: true", "X-Internal: 1", "X-Debug: 1",
        "X-Custom-IP-Authorization: 127.0.0.1", "X-Client-IP: 127.0.0.1", "True-Client-IP: 127.0.0.1",
        "CF-Connecting-IP: 127.0.0.1", "Via: 1.1 localhost", "Origin: http://127.0.0.1",
        "Referer: http://127.0.0.1/v1/health", "X-Requested-With: XMLHttpRequest", "Sec-Fetch-Site: same-origin",
        "SOAPAction: /v1/health", "X-Path: /v1/health", "Content-Location: /v1/health",
        "X-HTTP-Method-Override: OPTIONS", "X-Method-Override: HEAD", "Upgrade: websocket", "Upgrade: h2c",
        "Expect: 100-continue", "Idempotency-Key: a", "X-Request-Id: a", "X-Model-Version: 1",
    ]  # fmt: skip
    for header, path in product(told, ("/v1/keys", "/v1/deployments")):
        yield Attempt(f"{header} at {path}", request("GET", path, host, header))


def _by_method(host: str) -> Iterator[Attempt]:
    methods = (
        "HEAD", "OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "DELETE", "PROPFIND", "SEARCH", "PURGE", "LINK", "get",
        "GET\t", "POST",
    )  # fmt: skip
    for method, path in product(methods, ("/v1/keys", "/v1/audit/check", "/v1/runs")):
        yield Attempt(f"{method} {path}", request(method, path, host))


def _by_protocol(host: str) -> Iterator[Attempt]:
    for path in ("/v1/keys", "/v1/deployments", "/metrics"):
        yield Attempt("HTTP/1.0", request("GET", path, host, version="1.0"))
        yield Attempt("HTTP/1.0 without host", f"GET {path} HTTP/1.0\r\n\r\n".encode())
        yield Attempt("HTTP/0.9", f"GET {path}\r\n\r\n".encode())
        yield Attempt("HTTP/2 by hope", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        yield Attempt("two hosts", request("GET", path, host, "Host: localhost"))
        yield Attempt("a folded header", request("GET", path, host, "Authorization:\r\n Bearer x"))
        yield Attempt(
            "websocket",
            request("GET", path, host, "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: YQ=="),
        )
        smuggled = request("GET", path, host)
        yield Attempt("behind a public request", request("POST", "/v1/health", host, body=smuggled) + smuggled)


def _jwt(head: Mapping[str, str]) -> str:
    parts = (head, {"sub": "admin", "role": "administrator"})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, ""])
