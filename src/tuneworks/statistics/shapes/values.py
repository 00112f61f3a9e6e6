"""Checks that several shapes make of a user's true value."""

from __future__ import annotations

from typing import Any

from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text

LONGEST_LABEL = 200


def label(value: Any) -> str:
    """A label as given, without blanks around it."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_LABEL:
        raise InvalidInput(
            Text(
                f"The true value must be a label of 1 to {LONGEST_LABEL} characters, got {shown(value)}.",
                f"正确值应为 1 至 {LONGEST_LABEL} 个字符的标签，实为 {shown(value)}。",
            ),
            Text(
                'Send one label, such as "billing"; a new label is welcome.',
                "请发送一个标签，例如 “账单”；可以是新标签。",
            ),
        )
    return whole_text(value.strip(), Text("The label", "标签"))


def whole_text(value: str, what: Text) -> str:
    """The text, unless it holds half of a surrogate pair, which no UTF-8 file or database can keep."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            Text(
                f"{what.en} is not valid Unicode: half a character at position {error.start}.",
                f"{what.zh}不是有效的 Unicode：第 {error.start} 个位置只有半个字符。",
            ),
            Text("Send the text as UTF-8, emoji whole.", "请以 UTF-8 发送文本，表情符号须完整。"),
        ) from error
    return value


def shown(value: Any) -> str:
    """A value as it stands in a message, cut where it is long."""
    written = repr(value)
    return written if len(written) <= 80 else written[:77] + "..."
