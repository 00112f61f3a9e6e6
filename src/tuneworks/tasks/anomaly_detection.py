"""What is unlike the known good: defects on images, odd rows of a table, learnt from good examples alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import AnomalyAnswer, Answer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics.anomaly import (
    METRICS,
    NORMAL_WORDS,
    THRESHOLD,
    anomaly_tallies,
    evaluate_anomalies,
    normal_label,
)
from tuneworks.statistics.roles import check_inputs, kinds_of, named
from tuneworks.statistics.splits import parse
from tuneworks.statistics.tables import READABLE, read_cells, table_inputs


@dataclass(frozen=True)
class Options:
    """Settings of ``anomaly-detection``: ``normal``, the target's label of what is as it should be."""

    normal: str | None = None


class AnomalyDetection(Task):
    """Reads images or a row's columns, answers with the distance from the known good in units of the threshold.

    Every label of the target but ``normal`` is an anomaly; without a target all rows are taken for good.
    """

    Options = Options
    roles = MappingProxyType({})
    further = ("image", *READABLE)
    target_kinds = ("category",)
    inferred = False
    default_method = "nearest"
    inferred = False
    needs_target = False

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        if spec.target:
            named(columns, spec.target, self.target_kinds, role="target")
        else:
            spec = replace(spec, target=_target(columns, rows, spec.inputs.values()))
        normal = spec.options.get("normal")
        counts = Counter(str(row[spec.target]) for row in rows if spec.target and row.get(spec.target) is not None)
        if spec.target and normal is None:
            normal = normal_label(counts)
        if spec.target and (normal is None or normal not in (spec.labels or counts)):
            raise _no_normal(spec.target, normal, counts)
        inputs = spec.inputs or _inputs(columns, rows, spec.target)
        check_inputs(columns, inputs, self.roles, self.further)
        others = sorted(label for label in counts if label != normal)
        return replace(
            spec,
            inputs=inputs,
            labels=spec.labels or ((str(normal), *others) if spec.target else ()),
            metric=_metric(spec, anomalies=len(counts) > 1),
            options={**spec.options, "normal": normal} if spec.target else spec.options,
            kinds=kinds_of(columns, inputs, self.roles, self.read),
        )

    def arrange(self, spec: TaskSpec, rows: Sequence[Row], splits: Sequence[str]) -> Iterator[tuple[Row, str]]:
        """Anomalies teach nothing and are rare: where the user did not split the rows, all of them are tested on."""
        kind, _ = parse(spec.split or "content")
        normal = spec.options.get("normal")
        for row, side in zip(rows, splits, strict=True):
            label = row.get(spec.target) if spec.target else None
            tested = kind in ("content", "group") and label is not None and str(label) != normal
            yield row, "test" if tested else side

    def learnt(self, spec: TaskSpec, row: Row, truth: Any) -> list[Row]:
        if spec.target:
            return [{**row, spec.target: truth}]
        return [] if truth else [dict(row)]

    def output(self, spec: TaskSpec) -> Output:
        return Output("anomaly", 1)

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        inputs = {role: read_cells(rows, c, spec.kinds[c]) for role, c in spec.inputs.items()}
        return Examples(inputs, rows, _targets(spec, rows))

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        normal = spec.options.get("normal")
        return [AnomalyAnswer(float(s), THRESHOLD, bool(s > THRESHOLD), normal) for s in np.asarray(scores)]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return anomaly_tallies(np.asarray(examples.targets), np.asarray(scores))

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_anomalies(examples.targets, np.asarray(scores), spec=spec, rows=examples.rows)

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        random = np.random.default_rng(seed)
        made: list[Row] = []
        for number in range(rows):
            load = float(random.uniform(0, 10))
            good = number % 4 != 3
            heat = 20 + 5 * load + float(random.normal(0, 1)) + (0 if good else float(random.choice([-25, 25])))
            made.append({"load": round(load, 3), "heat": round(heat, 3), "state": "good" if good else "fault"})
        return (Column("load", "number"), Column("heat", "number"), Column("state", "category")), made


def _target(columns: Sequence[Column], rows: Sequence[Row], inputs: Collection[str]) -> str | None:
    """The one column of labels of which one says that all is well; none where there is no such, or several."""
    found = [
        column.name
        for column in columns
        if column.kind == "category" and column.name not in inputs
        if normal_label(Counter(str(row.get(column.name)) for row in rows), NORMAL_WORDS)
    ]
    return found[0] if len(found) == 1 else None


def _inputs(columns: Sequence[Column], rows: Sequence[Row], target: str | None) -> dict[str, str]:
    """The images, where there are any; else what can be read of the table."""
    images = {column.name: column.name for column in columns if column.kind == "image"}
    return images or table_inputs(columns, rows, (target,))


def _targets(spec: TaskSpec, rows: Sequence[Row]) -> Any:
    """1 for every row whose label is not the normal one; all are good where there is no target."""
    if spec.target is None:
        return np.zeros(len(rows), dtype=np.int64)
    if not rows or not all(spec.target in row for row in rows):
        return None
    normal = spec.options.get("normal")
    return np.array([str(row[spec.target]) != normal for row in rows], dtype=np.int64)


def _metric(spec: TaskSpec, *, anomalies: bool) -> str:
    metric = spec.metric or ("roc_auc" if anomalies else "false_alarms")
    if metric in METRICS:
        return metric
    raise InvalidConfig(
        Text(f"There is no metric named {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
        Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
    )


def _no_normal(target: str, normal: Any, counts: Mapping[str, int]) -> InvalidConfig:
    listed = ", ".join(list(counts)[:12]) or "-"
    if normal is None:
        problem = Text(
            f"None of the labels of {target!r} is known to mean normal: {listed}.",
            f"{target!r} 的标签中没有一个可认定为正常：{listed}。",
        )
    else:
        problem = Text(
            f"The column {target!r} has no rows labelled {normal!r}; its labels: {listed}.",
            f"列 {target!r} 中没有标签为 {normal!r} 的数据；现有标签：{listed}。",
        )
    return InvalidConfig(
        problem,
        Text("Say which one is: --set spec.options.normal=LABEL", "请指定正常标签：--set spec.options.normal=标签"),
    )
