"""What a dataset, a model or a deployment may be called: one part of a path, of an address and of ``name@3``."""

from __future__ import annotations

import re
import unicodedata

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text

LONGEST_NAME = 80
DATASET = Text("a dataset", "数据集")
MODEL = Text("a model", "模型")
DEPLOYMENT = Text("a deployment", "部署")


def must_be_name(name: str, of: Text) -> str:
    """The name as given; raises ``InvalidConfig`` with a better one where it cannot be one."""
    better = clean_name(name)
    if better == name:
        return name
    raise InvalidConfig(
        Text(
            f"{name!r} cannot be the name of {of.en}: use letters, digits, point, dash and underscore.",
            f"{name!r} 不能作为{of.zh}名称：只能使用文字、数字、点、连字符和下划线。",
        ),
        Text(f"For example: {better}", f"例如：{better}"),
    )


def clean_name(text: str) -> str:
    """A text as a name: letters, digits, point, dash and underscore; at most 80 of them.

    >>> clean_name("客服 工单@2024 (final)")
    '客服-工单-2024-final'
    """
    kept = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFKC", text)).strip("-._")
    return kept[:LONGEST_NAME].rstrip("-._") or "data"
