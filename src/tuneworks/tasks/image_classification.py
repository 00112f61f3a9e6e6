"""One label for each image: kinds of defects, of goods, of findings."""

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
from tuneworks.statistics.drawings import drawing
from tuneworks.statistics.roles import check_inputs, kinds_of, only
from tuneworks.statistics.tables import READABLE, read_cells


class ImageClassification(Task):
    """Reads one image (and numbers, categories and times beside it), answers with one of the labels."""

    roles = MappingProxyType({"image": ("image",)})
    further = ("image", *READABLE)
    target_kinds = KINDS

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        inputs = spec.inputs or {"image": only(columns, ("image",), role="image")}
        check_inputs(columns, inputs, self.roles, self.further)
        spec = replace(with_target(spec, columns), inputs=inputs)
        return with_labels(replace(spec, kinds=kinds_of(columns, inputs, self.roles, self.read)), rows)

    def output(self, spec: TaskSpec) -> Output:
        return Output("classes", len(spec.labels))

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        inputs = {role: read_cells(rows, c, spec.kinds[c]) for role, c in spec.inputs.items()}
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
        labels = [("stripes", "spots")[i % 2] for i in range(rows)]
        made: list[Row] = [{"image": drawing(label, random), "label": label} for label in labels]
        return (Column("image", "image"), Column("label", "category")), made
