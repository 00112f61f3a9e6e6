"""One number for each row of a table: prices, demand, remaining life."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, NumberAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics import tables
from tuneworks.statistics.regression import evaluate_numbers, must_be_metric, number_tallies
from tuneworks.statistics.roles import check_inputs, kinds_of, named, only
from tuneworks.statistics.tables import Windows
from tuneworks.statistics.targets import capped


@dataclass(frozen=True)
class Options(Windows):
    """Settings of ``tabular-regression``: those of windows, and ``cap``: a target above it counts as it."""

    cap: float | None = None


class TabularRegression(Task):
    """Reads a row's numbers, categories and times, answers with one number."""

    Options = Options
    roles: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    further = tables.READABLE
    target_kinds = ("number",)
    default_method = "boosting" if importlib.util.find_spec("lightgbm") else "head"

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        target = (
            named(columns, spec.target, self.target_kinds, role="target")
            if spec.target
            else only(columns, self.target_kinds, role="target")
        )
        tables.check_windows(spec, columns)
        inputs = spec.inputs or tables.table_inputs(columns, rows, (target, spec.options.get("group")))
        check_inputs(columns, inputs, self.roles, self.further)
        metric = must_be_metric(spec.metric or "rmse")
        kinds = tables.kinds_in_windows(spec, kinds_of(columns, inputs, self.roles, self.read))
        split = tables.window_split(spec)
        return replace(spec, target=target, inputs=inputs, metric=metric, kinds=kinds, split=split)

    def arrange(self, spec: TaskSpec, rows: Sequence[Row], splits: Sequence[str]) -> Iterator[tuple[Row, str]]:
        target = spec.target or ""
        for row, split in tables.windows(spec, rows, splits):
            yield ({**row, target: capped(row[target], spec)} if row.get(target) is not None else row), split

    def learnt(self, spec: TaskSpec, row: Row, truth: Any) -> list[Row]:
        return tables.unwound(spec, row, truth)

    def output(self, spec: TaskSpec) -> Output:
        return Output("number", 1)

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        inputs = {role: tables.read_cells(rows, c, spec.kinds[c]) for role, c in spec.inputs.items()}
        target = spec.target or ""
        known = bool(rows) and all(target in row for row in rows)
        targets = [capped(row[target], spec) for row in rows] if known else None
        return Examples(inputs, rows, None if targets is None else np.array(targets, dtype=np.float64))

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        return [NumberAnswer(float(score)) for score in np.asarray(scores)]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return number_tallies(np.asarray(examples.targets), np.asarray(scores, dtype=np.float64))

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_numbers(examples.targets, np.asarray(scores), spec=spec, rows=examples.rows)[0]

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        random = np.random.default_rng(seed)
        districts = ("north", "south", "harbour")
        made: list[Row] = []
        for _ in range(rows):
            area, district = round(float(random.uniform(20, 160)), 1), districts[random.integers(3)]
            built = f"{random.integers(1950, 2024)}-{random.integers(1, 13):02}-01"
            price = 1500 * area * (1 + 0.3 * districts.index(district)) + 800 * (int(built[:4]) - 1950)
            noisy = round(price + float(random.normal(0, 5000)), 2)
            made.append({"area": area, "district": district, "built": built, "target": noisy})
        columns = (
            Column("area", "number"),
            Column("district", "category"),
            Column("built", "time"),
            Column("target", "number"),
        )
        return columns, made
