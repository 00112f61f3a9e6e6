"""Missing values: rows without a target, columns with gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuneworks.core.asking import Finder, Row
from tuneworks.core.evaluation import Finding
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.roles import text_columns


class MissingValues(Finder):
    """Finds empty values, column by column; inputs are left to the finder of empty texts."""

    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        names = list(dict.fromkeys(name for row in rows for name in row))
        for column in names:
            found = tuple(i for i, row in enumerate(rows) if row.get(column) is None)
            if found and column == spec.target:
                yield _without_target(column, found, len(rows))
            elif found and column not in text_columns(spec):
                yield _with_gaps(column, found, len(rows))


def _without_target(column: str, found: tuple[int, ...], rows: int) -> Finding:
    return Finding(
        "missing-values",
        "error" if len(found) == rows else "warning",
        Text(
            f"Rows without a value of {column!r}: {len(found)}; the first is row {found[0] + 1}.",
            f"有 {len(found)} 行没有 {column!r}，首个是第 {found[0] + 1} 行。",
        ),
        Text("They are left out of training: label them or remove them.", "这些行不参与训练：请补上标签或删除。"),
        found,
        len(found) / rows,
    )


def _with_gaps(column: str, found: tuple[int, ...], rows: int) -> Finding:
    return Finding(
        "missing-values",
        "note",
        Text(f"Rows without a value of {column!r}: {len(found)}.", f"列 {column!r} 有 {len(found)} 行为空。"),
        Text("Nothing to do unless the column is used.", "如不使用该列，无需处理。"),
        found,
        len(found) / rows,
    )
