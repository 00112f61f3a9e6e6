"""Overlap: held-out inputs that also stand in training rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tuneworks.core.asking import Finder, Row
from tuneworks.core.evaluation import Finding
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.language.normalise import row_key
from tuneworks.statistics.roles import identity
from tuneworks.statistics.splits import NAMES

CHINESE_NAMES = {"train": "训练", "validation": "验证", "test": "测试"}


class Overlap(Finder):
    """Finds validation and test rows whose inputs an earlier split holds too."""

    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        keys = [row_key(row, identity(spec)) for row in rows]
        held: dict[str, set[bytes]] = defaultdict(set)
        for key, split in zip(keys, splits, strict=True):
            held[split].add(key)
        sizes = Counter(splits)
        for earlier, later in ((NAMES[0], NAMES[1]), (NAMES[0], NAMES[2]), (NAMES[1], NAMES[2])):
            shared = held[earlier] & held[later]
            found = [i for i, key in enumerate(keys) if splits[i] == later and key in shared]
            if found:
                yield _finding(earlier, later, found, sizes[later])


def _finding(earlier: str, later: str, found: Sequence[int], size: int) -> Finding:
    share = len(found) / size
    return Finding(
        "overlap",
        "warning",
        Text(
            f"Rows of {later} whose input also stands in {earlier}: {len(found)} ({share:.1%});"
            f" the first is row {found[0] + 1}. Scores on them are too good.",
            f"有 {len(found)} 行{CHINESE_NAMES[later]}数据（{share:.1%}）也出现在{CHINESE_NAMES[earlier]}数据中，"
            f"首个是第 {found[0] + 1} 行，得分会因此偏高。",
        ),
        Text(
            "Remove them from one side, or split by content: --set spec.split=content",
            "请从其中一侧删除，或按内容划分：--set spec.split=content",
        ),
        tuple(found),
        share,
    )
