"""Repeats: rows with the same inputs and the same target as an earlier row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuneworks.core.asking import Finder, Row
from tuneworks.core.evaluation import Finding
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.language.normalise import row_key
from tuneworks.statistics.roles import identity
from tuneworks.statistics.targets import same_target

SHARE_TO_WARN = 0.05


class RepeatedRows(Finder):
    """Finds rows that say again what an earlier row said (case, width and spaces ignored)."""

    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        inputs = identity(spec)
        seen: set[tuple[bytes, str]] = set()
        found = []
        for i, row in enumerate(rows):
            key = row_key(row, inputs), same_target(row.get(spec.target or ""))
            if key in seen:
                found.append(i)
            seen.add(key)
        if found:
            share = len(found) / len(rows)
            yield Finding(
                "repeated-rows",
                "warning" if share > SHARE_TO_WARN else "note",
                Text(
                    f"Rows that repeat an earlier row: {len(found)}; the first is row {found[0] + 1}.",
                    f"有 {len(found)} 行与前面的行重复，首个是第 {found[0] + 1} 行。",
                ),
                Text(
                    "Remove repeats, unless they show how often a case occurs.",
                    "如果重复不代表真实频率，请删除重复行。",
                ),
                tuple(found),
                share,
            )
