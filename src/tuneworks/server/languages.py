"""The language a request reads: ``?lang=``, else ``Accept-Language``, else the server's own."""

from __future__ import annotations

from contextlib import nullcontext
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from tuneworks.core.text import LANGUAGES, language


class SpeakTheirLanguage:
    """Middleware: everything a request causes to be said is said in its language."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = chosen_language(scope) if scope["type"] == "http" else None
        with language(chosen) if chosen else nullcontext():
            await self.app(scope, receive, send)


def chosen_language(scope: Scope) -> str | None:
    """``en``, ``zh`` or nothing; of several accepted languages the one with the highest weight, the first of equals."""
    query = scope.get("query_string", b"")
    asked = parse_qs(query.decode("latin-1")).get("lang", [""])[0].lower() if query else ""
    if asked[:2] in LANGUAGES:
        return asked
    given = header(scope, b"accept-language")
    accepted = [_weighed(part) for part in given.split(",")] if given else []
    known = [(weight, code) for weight, code in accepted if weight > 0 and code[:2] in LANGUAGES]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def header(scope: Scope, name: bytes) -> str:
    """The first value of a header, or an empty text."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def _weighed(part: str) -> tuple[float, str]:
    code, _, weight = part.strip().lower().partition(";q=")
    try:
        return (float(weight) if weight else 1.0), code.strip()
    except ValueError:
        return 0.0, code
