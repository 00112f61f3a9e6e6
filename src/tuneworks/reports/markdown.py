"""Markdown and YAML pieces whose texts cannot break out of their place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def escaped(text: str) -> str:
    """One line of text in which Markdown and HTML see nothing to obey."""
    one_line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
    visible = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", visible)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells are escaped."""
    lines = [heads, ["---"] * len(heads), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def front_matter(values: Mapping[str, Any]) -> str:
    """YAML between two rules; values are written as JSON, which YAML contains."""
    lines = [f"{key}: {_json(value)}" for key, value in values.items() if value not in (None, [], "")]
    return "\n".join(["---", *lines, "---"])


def _json(value: Any) -> str:
    """JSON whose line separators are escaped, as YAML would end a line at them."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found.group()):04x}", text)
