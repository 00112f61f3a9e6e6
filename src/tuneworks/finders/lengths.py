"""Lengths: how many characters the texts have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tuneworks.core.asking import Finder, Row
from tuneworks.core.evaluation import Finding, Table
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.roles import text_columns

HEADINGS = (
    Text("column", "列"),
    Text("median", "中位数"),
    Text("95 % are shorter than", "95 % 短于"),
    Text("longest", "最长"),
)


class Lengths(Finder):
    """Measures the characters of each input column."""

    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        cells = tuple(cell for column in text_columns(spec) if (cell := _measured(rows, column)))
        if cells:
            longest = max(cell[3] for cell in cells)
            usual = max(cell[2] for cell in cells)
            yield Finding(
                "lengths",
                "note",
                Text(
                    f"95 % of the texts have at most {usual} characters, the longest {longest}.",
                    f"95 % 的文本不超过 {usual} 个字符，最长 {longest} 个字符。",
                ),
                Text(
                    "A text longer than the base model's limit is cut at its end.",
                    "超过基础模型长度上限的文本会被截去末尾。",
                ),
                table=Table("lengths", Text("Characters a text", "文本的字符数"), HEADINGS, cells),
            )


def _measured(rows: Sequence[Row], column: str) -> tuple[str, int, int, int] | None:
    lengths = [len(value) for row in rows if isinstance(value := row.get(column), str)]
    if not lengths:
        return None
    median, usual = np.percentile(lengths, (50, 95), method="higher")
    return column, int(median), int(usual), max(lengths)
