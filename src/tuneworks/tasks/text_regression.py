"""One number for each text: how glad, how urgent, how many stars, what price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, NumberAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics.regression import evaluate_numbers, must_be_metric, number_tallies
from tuneworks.statistics.roles import check_inputs, named, only
from tuneworks.statistics.targets import capped


class TextRegression(Task):
    """Reads one text, answers with a number in the target's own unit."""

    roles = MappingProxyType({"text": ("text", "category")})
    target_kinds = ("number",)

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        target = (
            named(columns, spec.target, self.target_kinds, role="target")
            if spec.target
            else only(columns, self.target_kinds, role="target")
        )
        inputs = spec.inputs or {"text": only(columns, ("text",), role="text")}
        check_inputs(columns, inputs, self.roles)
        return replace(spec, target=target, inputs=inputs, metric=must_be_metric(spec.metric or "rmse"))

    def output(self, spec: TaskSpec) -> Output:
        return Output("number", 1)

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        texts = [str(row.get(spec.inputs["text"]) or "") for row in rows]
        target = spec.target or ""
        known = bool(rows) and all(target in row for row in rows)
        return Examples({"text": texts}, rows, np.array([capped(row[target], spec) for row in rows]) if known else None)

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        return [NumberAnswer(float(score)) for score in np.asarray(scores)]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return number_tallies(np.asarray(examples.targets), np.asarray(scores, dtype=np.float64))

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_numbers(examples.targets, np.asarray(scores), spec=spec, rows=examples.rows)[0]

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        said = {"awful": -2.0, "dull": -1.0, "fine": 1.0, "wonderful": 2.0, "糟糕": -2.0, "很好": 1.5}
        random = np.random.default_rng(seed)
        made: list[Row] = []
        for _ in range(rows):
            words = random.choice(list(said), 2)
            text = f"the food was {words[0]}, the room {words[1]}, bill {random.integers(10_000)}"
            rating = sum(said[word] for word in words) + float(random.normal(0, 0.2))
            made.append({"text": text, "rating": round(rating, 2)})
        return (Column("text", "text"), Column("rating", "number")), made
