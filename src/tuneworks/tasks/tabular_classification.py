"""One label for each row of a table: risks, churn, failures."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics import tables
from tuneworks.statistics.class_targets import KINDS, class_answers, class_targets, with_labels, with_target
from tuneworks.statistics.classification import class_tallies, evaluate_classes, with_outside
from tuneworks.statistics.roles import check_inputs, kinds_of
from tuneworks.statistics.tables import Windows


class TabularClassification(Task):
    """Reads a row's numbers, categories and times, answers with one of the labels seen in training."""

    Options = Windows
    roles: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    further = tables.READABLE
    target_kinds = KINDS
    default_method = "boosting" if importlib.util.find_spec("lightgbm") else "head"

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        spec = with_target(spec, columns)
        tables.check_windows(spec, columns)
        inputs = spec.inputs or tables.table_inputs(columns, rows, (spec.target, spec.options.get("group")))
        check_inputs(columns, inputs, self.roles, self.further)
        kinds = tables.kinds_in_windows(spec, kinds_of(columns, inputs, self.roles, self.read))
        spec = replace(spec, inputs=inputs, kinds=kinds, split=tables.window_split(spec))
        return with_labels(spec, rows, metric="roc_auc")

    def arrange(self, spec: TaskSpec, rows: Sequence[Row], splits: Sequence[str]) -> Iterator[tuple[Row, str]]:
        return tables.windows(spec, rows, splits)

    def learnt(self, spec: TaskSpec, row: Row, truth: Any) -> list[Row]:
        return tables.unwound(spec, row, truth)

    def output(self, spec: TaskSpec) -> Output:
        return Output("classes", len(spec.labels))

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        inputs = {role: tables.read_cells(rows, c, spec.kinds[c]) for role, c in spec.inputs.items()}
        return Examples(inputs, rows, class_targets(spec, rows))

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        return class_answers(spec, scores)

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        truth, _ = with_outside(np.asarray(examples.targets), spec, examples.rows)
        return class_tallies(truth, np.asarray(scores))

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_classes(examples.targets, np.asarray(scores), spec=spec, rows=examples.rows)[0]

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        random = np.random.default_rng(seed)
        plans = ("monthly", "yearly", "trial")
        made: list[Row] = []
        for _ in range(rows):
            calls, plan = round(float(random.uniform(0, 40)), 2), plans[random.integers(3)]
            since = f"{random.integers(2018, 2025)}-{random.integers(1, 13):02}-15"
            leaves = calls + 15 * (plan == "trial") + float(random.normal(0, 3)) > 22
            made.append({"calls": calls, "plan": plan, "since": since, "target": "leaves" if leaves else "stays"})
        columns = (
            Column("calls", "number"),
            Column("plan", "category"),
            Column("since", "time"),
            Column("target", "category"),
        )
        return columns, made
