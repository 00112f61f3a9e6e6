"""Labels: how many rows each has, labels too rare to learn, a single label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tuneworks.core.asking import Finder, Row
from tuneworks.core.evaluation import Finding, Table
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.splits import NAMES
from tuneworks.statistics.targets import labels_in

FEWEST_ROWS = 10
HEADINGS = (
    Text("label", "标签"),
    Text("rows", "行数"),
    Text("train", "训练"),
    Text("validation", "验证"),
    Text("test", "测试"),
)


class LabelCounts(Finder):
    """Counts the rows (or spans) of each label in each split; targets that are measured have none."""

    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        if any(isinstance(row.get(spec.target or ""), (int, float)) for row in rows):
            return
        if not spec.labels:
            return  # a target that is measured or written has no labels to count
        counts = {name: Counter[str]() for name in NAMES}
        for row, split in zip(rows, splits, strict=True):
            counts[split].update(labels_in(row.get(spec.target or "")))
        total = sum(counts.values(), Counter[str]())
        yield _overview(total, counts)
        if len(total) < 2 and not any(isinstance(row.get(spec.target or ""), list) for row in rows):
            yield _single(total, spec)
        yield from _rare(rows, spec, total)
        yield from _untrained(total, counts)


def _overview(total: Counter[str], counts: dict[str, Counter[str]]) -> Finding:
    cells = tuple(
        (label, count, *(counts[name][label] for name in NAMES))
        for label, count in sorted(total.items(), key=lambda item: (-item[1], item[0]))
    )
    table = Table("label_counts", Text("Rows a label", "各标签的行数"), HEADINGS, cells)
    return Finding(
        "label-counts",
        "note",
        Text(
            f"Labels: {len(total)}; labelled in all: {total.total()}.",
            f"标签 {len(total)} 个，标注 {total.total()} 处。",
        ),
        Text("Nothing to do.", "无需处理。"),
        table=table,
    )


def _single(total: Counter[str], spec: TaskSpec) -> Finding:
    only = next(iter(total), "-")
    return Finding(
        "label-counts",
        "error",
        Text(
            f"The column {spec.target!r} holds fewer than two labels: {only}.",
            f"列 {spec.target!r} 的标签少于两个：{only}。",
        ),
        Text("Add rows of at least one other label.", "请补充至少一个其他标签的数据。"),
        share=1.0,
    )


def _rare(rows: Sequence[Row], spec: TaskSpec, total: Counter[str]) -> Iterator[Finding]:
    rare = {label for label, count in total.items() if count < FEWEST_ROWS}
    if rare:
        found = [i for i, row in enumerate(rows) if rare.intersection(labels_in(row.get(spec.target or "")))]
        named = ", ".join(
            f"{label} ({total[label]})" for label in sorted(rare, key=lambda name: (total[name], name))[:10]
        )
        yield Finding(
            "label-counts",
            "warning",
            Text(
                f"Labels with fewer than {FEWEST_ROWS} rows: {len(rare)}, {named}.",
                f"有 {len(rare)} 个标签少于 {FEWEST_ROWS} 行：{named}。",
            ),
            Text("Add rows for them, or merge them with a related label.", "请为其补充数据，或与相近的标签合并。"),
            tuple(found),
            len(found) / len(rows),
        )


def _untrained(total: Counter[str], counts: dict[str, Counter[str]]) -> Iterator[Finding]:
    absent = sorted(label for label in total if not counts["train"][label])
    if absent:
        yield Finding(
            "label-counts",
            "warning",
            Text(
                f"Labels without a training row: {len(absent)}, {', '.join(absent[:10])}.",
                f"有 {len(absent)} 个标签没有训练数据：{'、'.join(absent[:10])}。",
            ),
            Text(
                "Add training rows; without them these labels are never answered.",
                "请补充训练数据，否则模型不会给出这些标签。",
            ),
            (),
        )
