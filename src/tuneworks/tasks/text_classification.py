"""One label for each text: topics, intents, opinions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics.class_targets import KINDS, class_answers, class_targets, with_labels, with_target
from tuneworks.statistics.classification import class_tallies, evaluate_classes, with_outside
from tuneworks.statistics.roles import check_inputs, only
from tuneworks.statistics.tables import READABLE, read_cells


class TextClassification(Task):
    """Reads one text, and further columns beside it, answers with one of the labels seen in training."""

    roles = MappingProxyType({"text": ("text", "category")})
    further = READABLE
    target_kinds = KINDS

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        spec = with_target(spec, columns)
        inputs = spec.inputs or {"text": only(columns, ("text",), role="text", exclude=(spec.target or "",))}
        check_inputs(columns, inputs, self.roles, self.further)
        return with_labels(replace(spec, inputs=inputs), rows)

    def output(self, spec: TaskSpec) -> Output:
        return Output("classes", len(spec.labels))

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        kinds = {column: spec.kinds.get(column, "text") for column in spec.inputs.values()}
        inputs = {role: read_cells(rows, column, kinds[column]) for role, column in spec.inputs.items()}
        return Examples(inputs, rows, class_targets(spec, rows))

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        return class_answers(spec, scores)

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
