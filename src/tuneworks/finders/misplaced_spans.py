"""Misplaced spans: offsets beyond the text, spans that overlap, spans with white space at an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tuneworks.core.asking import Finder, Row
from tuneworks.core.evaluation import Finding
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec

Spans = Sequence[Mapping[str, Any]]


class MisplacedSpans(Finder):
    """Checks the offsets of spans against the text they belong to."""

    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        column = next(iter(spec.kinds or spec.inputs.values()), "")
        pairs: list[tuple[str, Any]] = [(str(row.get(column) or ""), row.get(spec.target or "")) for row in rows]
        marked = [(i, text, spans) for i, (text, spans) in enumerate(pairs) if _are_spans(spans)]
        beyond = [i for i, text, spans in marked if any(span["end"] > len(text) for span in spans)]
        crossed = [i for i, _, spans in marked if spec.labels and _overlap(spans)]
        loose = [i for i, text, spans in marked if any(_loose(text[s["start"] : s["end"]]) for s in spans)]
        for found, trouble in ((beyond, BEYOND), (crossed, CROSSED), (loose, LOOSE)):
            if found:
                yield _finding(found, trouble, len(rows))


@dataclass(frozen=True)
class Trouble:
    """One way in which spans are wrong, and what to do about it."""

    severity: str
    what: Text
    fix: Text


BEYOND = Trouble(
    "error",
    Text("Rows with a span that ends beyond the text", "标注超出文本末尾的行"),
    Text(
        "Count offsets in characters of the text as given, the end exclusive.",
        "请按原文的字符计算位置，结束位置不含在内。",
    ),
)
CROSSED = Trouble(
    "warning",
    Text("Rows with spans that overlap", "标注相互重叠的行"),
    Text("Only the first of them is learnt: keep one.", "只会学习其中第一个：请只保留一个。"),
)
LOOSE = Trouble(
    "warning",
    Text("Rows with a span that has white space at an end", "标注首尾含有空白的行"),
    Text("Offsets may be off by one: check them.", "位置可能有偏差：请检查。"),
)


def _finding(found: Sequence[int], trouble: Trouble, rows: int) -> Finding:
    count, first = len(found), found[0] + 1
    problem = Text(
        f"{trouble.what.en}: {count}; the first is row {first}.",
        f"{trouble.what.zh}：{count} 行，首个是第 {first} 行。",
    )
    return Finding("misplaced-spans", trouble.severity, problem, trouble.fix, tuple(found), count / rows)


def _are_spans(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) and "end" in item for item in value)


def _overlap(spans: Spans) -> bool:
    ordered = sorted(spans, key=lambda span: (span["start"], span["end"]))
    return any(left["end"] > right["start"] for left, right in pairwise(ordered))


def _loose(text: str) -> bool:
    return text != text.strip()
