"""What every task that answers with one label does alike: its spec, its targets, its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, ClassAnswer
from tuneworks.core.asking import Row
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.text import Text
from tuneworks.core.types import Column, TaskSpec
from tuneworks.statistics.classification import METRICS
from tuneworks.statistics.roles import named, only

KINDS = ("category",)
DIGITS, LEAST = 6, 1e-15


def with_target(spec: TaskSpec, columns: Sequence[Column]) -> TaskSpec:
    """The spec with the column of labels: the one named, else the only one there is."""
    if spec.target:
        return replace(spec, target=named(columns, spec.target, KINDS, role="target"))
    return replace(spec, target=only(columns, KINDS, role="target", exclude=("split",)))


def with_labels(spec: TaskSpec, rows: Sequence[Row], metric: str = "accuracy") -> TaskSpec:
    """The spec with its labels, at least two, and a metric that there is."""
    target = spec.target or ""
    labels = spec.labels or tuple(sorted({str(row[target]) for row in rows if row.get(target) not in (None, "")}))
    if len(labels) < 2:
        raise UnsuitableData(
            Text(
                f"The column {target!r} holds {len(labels)} label(s): {', '.join(labels) or '-'}.",
                f"列 {target!r} 只有 {len(labels)} 个标签：{'、'.join(labels) or '-'}。",
            ),
            Text(
                "A classifier needs rows of at least two labels. Check --target, or add rows of another label.",
                "分类任务至少需要两个标签的数据。请检查 --target，或补充其他标签的数据。",
            ),
        )
    chosen = spec.metric or metric
    if chosen not in METRICS:
        raise InvalidConfig(
            Text(f"There is no metric named {chosen!r} for this task.", f"此任务没有名为 {chosen!r} 的指标。"),
            Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
        )
    return replace(spec, labels=labels, metric=chosen)


def class_targets(spec: TaskSpec, rows: Sequence[Row]) -> NDArray[np.int64] | None:
    """Each row's class number, -1 for a label outside the list; nothing where rows lack the target column."""
    target, number = spec.target or "", {label: i for i, label in enumerate(spec.labels)}
    known = bool(rows) and all(target in row for row in rows)
    return np.array([number.get(str(row[target]), -1) for row in rows], np.int64) if known else None


def class_answers(spec: TaskSpec, scores: Any) -> list[Answer]:
    """The most probable label of each row, with every label's probability to so many ``DIGITS``."""
    rows = np.asarray(scores, np.float64).reshape(-1, len(spec.labels))
    return [
        ClassAnswer(spec.labels[best], row[best], dict(zip(spec.labels, row, strict=True)))
        for best, row in zip(rows.argmax(axis=1).tolist(), to_digits(rows).tolist(), strict=True)
    ]


def to_digits(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares from 0 to 1 rounded to ``DIGITS`` significant ones: the rest is noise that would be stored and sent."""
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.maximum(shares, LEAST))))
    rounded: NDArray[np.float64] = np.rint(shares * scale) / scale
    return rounded
