"""Texts a user reads: an English and a Simplified Chinese sentence kept side by side.

A text is written where it is needed, both languages at once, so neither can be forgotten:

>>> greeting = Text("3 rows read", "已读取 3 行")
>>> with language("zh"):
...     str(greeting)
'已读取 3 行'
"""

from __future__ import annotations

import locale
import os
from contextvars import ContextVar
from dataclasses import dataclass

from tuneworks.core.bound import Bound

LANGUAGES = ("en", "zh")
_chosen: ContextVar[str | None] = ContextVar("language", default=None)


@dataclass(frozen=True)
class Text:
    """One text in both languages; ``str()`` gives the one the user reads."""

    en: str
    zh: str

    def __str__(self) -> str:
        return self.zh if current_language() == "zh" else self.en


def plain(text: str) -> Text:
    """A text that is the same in both languages: a name, a label, a number."""
    return Text(text, text)


def current_language() -> str:
    """The user's language: what was set, else ``TUNEWORKS_LANG``, else the locale's, else English."""
    return _chosen.get() or _from_environment()


def set_language(code: str | None) -> None:
    """Set the language for the rest of this context (``None``: back to the environment's)."""
    _chosen.set(_normal(code) if code else None)


def language(code: str) -> Bound:
    """Speak one language for the length of a ``with`` block."""
    return Bound(_chosen, _normal(code))


def _from_environment() -> str:
    wanted = os.environ.get("TUNEWORKS_LANG")
    if wanted:
        return _normal(wanted)
    return _normal(os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or "en")


def _normal(code: str) -> str:
    return "zh" if code.lower().startswith(("zh", "chinese")) else "en"
