"""SVG and HTML elements whose every attribute and text is escaped, and texts in both languages at once."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup, escape

from tuneworks.core.text import Text


def element(name: str, *inside: Any, **attributes: Any) -> Markup:
    """An element with escaped attributes (``_`` becomes ``-``, a trailing one is dropped) and content."""
    pairs = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value)) for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, pairs, Markup("").join(escape(part) for part in inside))


def both(text: Text | str) -> Markup:
    """A text in both languages, of which the page shows one."""
    if isinstance(text, str) or text.en == text.zh:
        return escape(text if isinstance(text, str) else text.en)
    return Markup("").join(_languages("span", text, {}))


def words(text: Text | str, **attributes: Any) -> Markup:
    """SVG text in both languages, of which the page shows one."""
    if isinstance(text, str) or text.en == text.zh:
        return element("text", escape(text if isinstance(text, str) else text.en), **attributes)
    return Markup("").join(_languages("text", text, attributes))


def drawing(width: float, height: float, *inside: Any, name: Text) -> Markup:
    """An SVG picture that scales with the page; ``name`` is read out by screen readers."""
    title = element("title", escape(f"{name.en} / {name.zh}" if name.en != name.zh else name.en))
    box = f"0 0 {_plain(width)} {_plain(height)}"
    return element("svg", title, *inside, viewBox=box, role="img", xmlns="http://www.w3.org/2000/svg")


def line(x1: float, y1: float, x2: float, y2: float, **attributes: Any) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def shortened(label: str, most: int) -> str:
    """A label that fits: wide characters count double."""
    used = 0
    for position, character in enumerate(label):
        used += 2 if ord(character) > 0x2E7F else 1
        if used > most:
            return label[: max(1, position - 1)] + "…"
    return label


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers between two ends, about as many as asked."""
    reach = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(reach / about))
    step = next(power * factor for factor in (1, 2, 5, 10) if reach / (power * factor) <= about)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _languages(name: str, text: Text, attributes: dict[str, Any]) -> list[Markup]:
    own = str(attributes.pop("class_", ""))
    return [
        element(name, escape(words), class_=f"{own} {code}".strip(), lang=lang, **attributes)
        for words, code, lang in ((text.en, "en", "en"), (text.zh, "zh", "zh-CN"))
    ]


def _plain(value: Any) -> Any:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
