"""Contradictions: the same inputs with different targets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tuneworks.core.asking import Finder, Row
from tuneworks.core.evaluation import Finding, Table
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.language.normalise import row_key
from tuneworks.statistics.roles import identity
from tuneworks.statistics.targets import labels_in, same_target

SHOWN = 20


class ConflictingLabels(Finder):
    """Finds rows whose inputs stand elsewhere with another target."""

    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        if not spec.labels:
            return  # numbers and written texts may differ for the same input
        groups: dict[bytes, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            if row.get(spec.target or "") is not None:
                groups[row_key(row, identity(spec))].append(i)
        conflicts = [group for group in groups.values() if _differ(rows, group, spec)]
        if conflicts:
            found = sorted(i for group in conflicts for i in group)
            yield Finding(
                "conflicting-labels",
                "warning",
                Text(
                    f"Inputs that stand in several rows with different labels: {len(conflicts)}"
                    f" (in {len(found)} rows); the first is row {found[0] + 1}.",
                    f"有 {len(conflicts)} 个相同的输入在 {len(found)} 行中标签不同，首个是第 {found[0] + 1} 行。",
                ),
                Text("Decide on one label for each input.", "请为每个输入确定唯一的标签。"),
                tuple(found),
                len(found) / len(rows),
                _examples(rows, conflicts[:SHOWN], spec),
            )


def _differ(rows: Sequence[Row], group: Sequence[int], spec: TaskSpec) -> bool:
    return len(group) > 1 and len({same_target(rows[i][spec.target or ""]) for i in group}) > 1


def _examples(rows: Sequence[Row], conflicts: Sequence[Sequence[int]], spec: TaskSpec) -> Table:
    def cells(group: Sequence[int]) -> tuple[str, str, str]:
        labels = sorted({label for i in group for label in labels_in(rows[i][spec.target or ""])})
        text = " | ".join(str(rows[group[0]].get(column)) for column in spec.inputs.values())
        return text[:200], ", ".join(labels), ", ".join(str(i + 1) for i in group[:10])

    headings = Text("input", "输入"), Text("labels", "标签"), Text("rows", "行号")
    return Table(
        "conflicting_labels",
        Text("The same input, different labels", "输入相同而标签不同"),
        headings,
        tuple(cells(group) for group in conflicts),
    )
