"""Any number of labels for each text: subjects, tags, risks, relations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, LabelsAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics.multi_label import METRICS, LabelRows, evaluate_labels, label_rows, label_tallies
from tuneworks.statistics.roles import check_inputs, named, only

THRESHOLD = 0.5


@dataclass(frozen=True)
class Options:
    """Settings of ``multi-label-classification``.

    ``threshold``: a label is answered from this probability on; the most probable decision is 0.5, less finds more
    labels, more makes fewer mistakes.
    """

    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        check_values(self, {"threshold": Range(above=0, below=1)}, "spec.options.")


class MultiLabelClassification(Task):
    """Reads one text, answers with every label that holds, or with none."""

    Options = Options
    roles = MappingProxyType({"text": ("text", "category")})
    target_kinds = ("labels",)

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        target = (
            named(columns, spec.target, self.target_kinds, role="target")
            if spec.target
            else only(columns, self.target_kinds, role="target")
        )
        inputs = spec.inputs or {"text": only(columns, ("text",), role="text")}
        check_inputs(columns, inputs, self.roles)
        labels = spec.labels or tuple(sorted({label for row in rows for label in row.get(target) or ()}))
        if not labels:
            raise UnsuitableData(
                Text(f"No row of the column {target!r} holds a label.", f"列 {target!r} 中没有任何标签。"),
                Text("Add rows with labels; [] says that none holds.", "请添加带标签的数据；[] 表示都不成立。"),
            )
        metric = spec.metric or "micro_f1"
        if metric not in METRICS:
            raise InvalidConfig(
                Text(f"There is no metric named {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
                Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
            )
        options = {"threshold": THRESHOLD, **spec.options}
        return replace(spec, target=target, inputs=inputs, labels=labels, metric=metric, options=options)

    def output(self, spec: TaskSpec) -> Output:
        return Output("multi_label", len(spec.labels))

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        texts = [str(row.get(spec.inputs["text"]) or "") for row in rows]
        known = bool(rows) and all(spec.target in row for row in rows)
        return Examples({"text": texts}, rows, _targets(spec, rows) if known else None)

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        threshold = spec.options.get("threshold", THRESHOLD)
        return [
            LabelsAnswer(
                tuple(label for label, probability in zip(spec.labels, row, strict=True) if probability >= threshold),
                dict(zip(spec.labels, row, strict=True)),
            )
            for row in np.asarray(scores).tolist()
        ]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return label_tallies(_held_out(spec, scores, examples))

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_labels(_held_out(spec, scores, examples), spec=spec, rows=examples.rows)

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        parts = {
            "delivery": ("the parcel is late", "包裹还没到"),
            "payment": ("i paid twice", "重复扣款了"),
            "quality": ("the screen is broken", "屏幕坏了"),
        }
        random = np.random.default_rng(seed)
        made: list[Row] = []
        for number in range(rows):
            topics = sorted(random.choice(list(parts), number % 4, replace=False).tolist())
            said = [parts[topic][random.integers(2)] for topic in topics]
            made.append({"text": ", ".join(["hello", *said, f"order {random.integers(10_000)}"]), "topics": topics})
        return (Column("text", "text"), Column("topics", "labels")), made


def _targets(spec: TaskSpec, rows: Sequence[Row]) -> Any:
    number = {label: i for i, label in enumerate(spec.labels)}
    targets = np.zeros((len(rows), len(spec.labels)), np.float32)
    for i, row in enumerate(rows):
        targets[i, [number[label] for label in row[spec.target or ""] or () if label in number]] = 1
    return targets


def _held_out(spec: TaskSpec, scores: Any, examples: Examples) -> LabelRows:
    return label_rows(np.asarray(examples.targets), np.asarray(scores), spec=spec, rows=examples.rows)
