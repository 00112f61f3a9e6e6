"""Texts that say nothing: rows whose inputs are empty or white space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuneworks.core.asking import Finder, Row
from tuneworks.core.evaluation import Finding
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.roles import text_columns


class EmptyTexts(Finder):
    """Finds rows all of whose input columns are empty."""

    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        inputs = text_columns(spec)
        if not inputs:
            return
        found = [i for i, row in enumerate(rows) if all(_blank(row.get(column)) for column in inputs)]
        if found:
            yield Finding(
                "empty-texts",
                "error" if len(found) == len(rows) else "warning",
                Text(
                    f"Rows without a text in {', '.join(inputs)}: {len(found)}; the first is row {found[0] + 1}.",
                    f"有 {len(found)} 行的 {'、'.join(inputs)} 为空，首个是第 {found[0] + 1} 行。",
                ),
                Text("Fill in the text or remove the rows.", "请补全文本或删除这些行。"),
                tuple(found),
                len(found) / len(rows),
            )


def _blank(value: object) -> bool:
    return value is None or not str(value).strip()
