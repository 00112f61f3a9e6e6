"""Single values as they stand in files: what is missing, what is a number, what is a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

MISSING_NUMBERS = {"", "nan", "na", "n/a", "null", "none", "-", "--"}
LONGEST_MISSING = 20

_plain = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|[+-]?\.\d+")
_image_name = re.compile(r"sha256:[0-9a-f]{64}")
_thousands = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_comma_decimal = re.compile(r"[+-]?(?:0|[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d*),\d+")
_time = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[T ]\s*(\d{1,2})[:时](\d{2})(?:[:分](\d{2}))?(?:\.(\d{1,6})\d*)?秒?\s*(Z|[+-]\d{2}:?\d{2})?)?"
)


def is_missing(value: Any) -> bool:
    """Whether nothing was written: null, an empty text, or a number that is none."""
    if isinstance(value, str):
        return value in ("", "NaN", "nan")
    return value is None or value != value


def is_image(value: Any) -> bool:
    """Whether a value can be nothing but an image: a file's path, bytes, a data URI or the name of a stored one.

    >>> is_image(b"..."), is_image("data:image/png;base64,iVBOR"), is_image("a.png")
    (True, True, False)
    """
    if isinstance(value, str):
        return value.startswith("data:image/") or (len(value) == 71 and bool(_image_name.fullmatch(value)))
    return isinstance(value, (bytes, Path))


def is_missing_number(value: Any) -> bool:
    """Whether a value in a column of numbers or times stands for none."""
    if isinstance(value, str):
        return len(value) < LONGEST_MISSING and value.strip().casefold() in MISSING_NUMBERS
    return is_missing(value)


def has_comma_decimals(values: Sequence[Any]) -> bool:
    """Whether a column writes 1.234,5 for 1234.5: some value must say so, and every value must allow it."""
    if all(_standard(_narrow(value)) for value in values if isinstance(value, str)):
        return False
    texts = (_narrow(value) for value in values if isinstance(value, str))
    return all(_comma_decimal.fullmatch(text) or (_plain.fullmatch(text) and "." not in text) for text in texts)


def number(value: Any, comma_decimals: bool = False) -> int | float | None:
    """The number a value is, or ``None`` where it is none.

    >>> number("1,234.5"), number("１２３"), number("1.234,5", comma_decimals=True), number("007")
    (1234.5, 123, 1234.5, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if not isinstance(value, str):
        return None
    text = _narrow(value)
    if comma_decimals and _comma_decimal.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif _thousands.fullmatch(text):
        text = text.replace(",", "")
    elif not _plain.fullmatch(text):
        return None
    parsed = float(text)
    if parsed in (float("inf"), float("-inf")):
        return None
    return int(text) if re.fullmatch(r"[+-]?\d{1,300}", text) else parsed


def time(value: Any) -> str | None:
    """A date or moment in ISO 8601 (in UTC where an offset is given), or ``None`` where it is none.

    >>> time("2024/3/5"), time("2024年3月5日"), time("2024-03-05 08:30:00+08:00")
    ('2024-03-05', '2024-03-05', '2024-03-05T00:30:00')
    """
    match = _time.fullmatch(_narrow(value)) if isinstance(value, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        if hour is None:
            return date(int(year), int(month), int(day)).isoformat()
        clock = f"{int(hour):02}:{minute}:{second or '00'}" + (f".{fraction:0<6}" if fraction else "")
        moment = datetime.fromisoformat(f"{year}-{int(month):02}-{int(day):02}T{clock}{offset or ''}")
    except ValueError:
        return None
    return (moment.astimezone(UTC).replace(tzinfo=None) if offset else moment).isoformat()


def label(value: Any) -> str:
    """A value as the name of a class: whole numbers without decimals, truth values in lower case.

    >>> label(1.0), label("1.0"), label(True), label(" 正面 ")
    ('1', '1.0', 'true', '正面')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _standard(text: str) -> bool:
    return bool(_plain.fullmatch(text) or _thousands.fullmatch(text))


def _narrow(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).strip()
