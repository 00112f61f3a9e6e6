"""One label for each text: topics, intents, opinions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, ClassAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics.classification import METRICS, class_tallies, evaluate_classes, with_outside
from tuneworks.statistics.roles import check_inputs, named, only


class TextClassification(Task):
    """Reads one text, answers with one of the labels seen in training."""

    roles = MappingProxyType({"text": ("text", "category")})
    target_kinds = ("category",)

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        target = (
            named(columns, spec.target, self.target_kinds, role="target")
            if spec.target
            else only(columns, self.target_kinds, role="target", exclude=("split",))
        )
        inputs = spec.inputs or {"text": only(columns, ("text",), role="text", exclude=(target,))}
        check_inputs(columns, inputs, self.roles)
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
        metric = spec.metric or "accuracy"
        if metric not in METRICS:
            raise InvalidConfig(
                Text(f"There is no metric named {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
                Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
            )
        return replace(spec, target=target, inputs=inputs, labels=labels, metric=metric)

    def output(self, spec: TaskSpec) -> Output:
        return Output("classes", len(spec.labels))

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        target = spec.target or ""
        number = {label: i for i, label in enumerate(spec.labels)}
        texts = [str(row.get(spec.inputs["text"]) or "") for row in rows]
        known = bool(rows) and all(target in row for row in rows)
        targets = np.array([number.get(str(row[target]), -1) for row in rows], np.int64) if known else None
        return Examples({"text": texts}, rows, targets)

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        return [
            ClassAnswer(
                spec.labels[int(row.argmax())], float(row.max()), dict(zip(spec.labels, row.tolist(), strict=True))
            )
            for row in np.asarray(scores)
        ]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        truth, _ = with_outside(np.asarray(examples.targets), spec, examples.rows)
        return class_tallies(truth, np.asarray(scores))

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_classes(examples.targets, np.asarray(scores), spec=spec, rows=examples.rows)[0]

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        topics = {
            "delivery": ("where is my parcel", "the courier is late", "包裹什么时候到", "快递太慢了"),
            "payment": ("my card was refused", "i paid twice", "付款失败怎么办", "重复扣款了"),
        }
        random = np.random.default_rng(seed)
        labels = [list(topics)[i % 2] for i in range(rows)]
        made: list[Row] = [
            {"text": f"{topics[label][random.integers(4)]} {random.integers(10_000)}", "topic": label}
            for label in labels
        ]
        return (Column("text", "text"), Column("topic", "category")), made
