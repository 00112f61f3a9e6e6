"""How alike two sentences are: on a scale, or whether they mean the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, SimilarityAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics import values
from tuneworks.statistics.roles import check_inputs, named, only
from tuneworks.statistics.similarity import (
    HALF,
    ON_A_SCALE,
    YES_OR_NO,
    evaluate_similarity,
    is_same,
    must_be_metric,
    on_scale,
    same_among,
    scale_of,
    share_of,
    sides,
    similarity_tallies,
)

FIRST, SECOND = "text_a", "text_b"


@dataclass(frozen=True)
class Options:
    """Settings of ``sentence-similarity``.

    ``low``, ``high``: the scale of a target of numbers (default: that of the training rows). ``same``: of two labels
    the one that means "the same" (default: 1, true, yes, same, 是, 相同 and the like, else the later one).
    """

    low: float | None = None
    high: float | None = None
    same: str | None = None


class SentenceSimilarity(Task):
    """Compares two texts; answers on the target's own scale, or with the probability that they mean the same."""

    Options = Options
    roles = MappingProxyType({FIRST: ("text", "category"), SECOND: ("text", "category")})
    target_kinds = ("number", "category")

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        target = (
            named(columns, spec.target, self.target_kinds, role="target")
            if spec.target
            else only(
                columns, self.target_kinds, role="target", exclude=("split", *(spec.inputs.values() or self.roles))
            )
        )
        inputs = spec.inputs or _two_texts(columns, target)
        check_inputs(columns, inputs, self.roles)
        kind = {column.name: column.kind for column in columns}[target]
        meaning = _scale if _is_scale(spec, kind, _labels(rows, target)) else _yes_or_no
        made = meaning(replace(spec, target=target, inputs=inputs), rows)
        known = YES_OR_NO if made.labels else ON_A_SCALE
        return replace(made, metric=must_be_metric(spec.metric or next(iter(known)), known))

    def truth(self, spec: TaskSpec, row: Row) -> Any:
        said = row.get(spec.target or "")
        return is_same(said, spec) if spec.labels and said is not None else said

    def learnt(self, spec: TaskSpec, row: Row, truth: Any) -> list[Row]:
        return [{**row, spec.target or "": sides(spec)[truth] if spec.labels else truth}]

    def output(self, spec: TaskSpec) -> Output:
        return Output("similarity", 1)

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        target = spec.target or ""
        inputs = {role: [str(row.get(spec.inputs[role]) or "") for row in rows] for role in self.roles}
        known = bool(rows) and all(target in row for row in rows)
        targets = np.array([share_of(row[target], spec) for row in rows], np.float64) if known else None
        return Examples(inputs, rows, targets)

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        shares = np.clip(np.asarray(scores, dtype=np.float64), 0.0, 1.0)
        said = on_scale(shares, spec).tolist()
        return [SimilarityAnswer(score, score > HALF if spec.labels else None) for score in said]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return similarity_tallies(examples.targets, scores, spec)

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_similarity(examples.targets, scores, spec=spec, rows=examples.rows)

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        things = ("parcel", "refund", "invoice", "password", "包裹", "退款", "发票", "密码")
        ways = ("where is my {}", "i am still waiting for the {}", "我的{}在哪里", "一直没有收到{}")
        random = np.random.default_rng(seed)
        made: list[Row] = []
        for number in range(rows):
            same = number % 2
            first, other = random.permutation(things)[:2]
            one, two = random.permutation(ways)[:2]
            texts = {FIRST: one.format(first), SECOND: two.format(first if same else other)}
            made.append({**texts, "same": ("no", "yes")[same]})
        return (Column(FIRST, "text"), Column(SECOND, "text"), Column("same", "category")), made


def _two_texts(columns: Sequence[Column], target: str) -> dict[str, str]:
    """The columns to compare: those named as the roles, else the only two texts."""
    names = [column.name for column in columns if column.kind == "text" and column.name != target]
    if {FIRST, SECOND} <= {column.name for column in columns}:
        names = [FIRST, SECOND]
    if len(names) == 2:
        return dict(zip((FIRST, SECOND), names, strict=True))
    listing = ", ".join(f"{column.name} ({column.kind})" for column in columns)
    raise InvalidConfig(
        Text(
            f"Two text columns are compared; the columns are: {listing}.",
            f"需要两个文本列进行比较，现有列：{listing}。",
        ),
        Text(
            f"Name both: --set spec.inputs.{FIRST}=COLUMN --set spec.inputs.{SECOND}=COLUMN",
            f"请分别指定：--set spec.inputs.{FIRST}=列名 --set spec.inputs.{SECOND}=列名",
        ),
    )


def _labels(rows: Sequence[Row], target: str) -> tuple[str, ...]:
    said = {values.label(row[target]) for row in rows if row.get(target) not in (None, "")}
    return tuple(sorted(said))


def _is_scale(spec: TaskSpec, kind: str, found: Sequence[str]) -> bool:
    """Whether the target is a number: by its kind, by a scale that was set, or by more than two grades."""
    if spec.labels:
        return False
    if kind == "number" or {"low", "high"} & spec.options.keys():
        return True
    return len(found) > 2 and all(values.number(label) is not None for label in found)


def _scale(spec: TaskSpec, rows: Sequence[Row]) -> TaskSpec:
    numbers = [n for row in rows if (n := values.number(row.get(spec.target or ""))) is not None]
    found = {"low": float(min(numbers)), "high": float(max(numbers))} if numbers else {"low": 0.0, "high": 0.0}
    given = {name: value for name, value in spec.options.items() if value is not None}
    made = replace(spec, options=found | given)
    low, high = scale_of(made)
    if low < high:
        return made
    raise UnsuitableData(
        Text(
            f"The target {spec.target!r} lies between {low:g} and {high:g}: there is nothing to tell apart.",
            f"目标列 {spec.target!r} 的取值在 {low:g} 与 {high:g} 之间，无法区分。",
        ),
        Text(
            "Add rows that are more and less alike, or set low and high.",
            "请添加相似程度不同的数据，或设置 low 和 high。",
        ),
    )


def _yes_or_no(spec: TaskSpec, rows: Sequence[Row]) -> TaskSpec:
    found = _labels(rows, spec.target or "")
    asked = spec.options.get("same")
    same = values.label(asked) if asked is not None else same_among(spec.labels or found or ("-",))
    labels = spec.labels or (*(label for label in found if label != same), *(label for label in found if label == same))
    if len(labels) == 2 and same in labels:
        return replace(spec, labels=labels, options={**spec.options, "same": same})
    listing = ", ".join(labels) or "-"
    raise UnsuitableData(
        Text(
            f"The column {spec.target!r} holds the labels {listing}; yes or no is said by two, one of them {same!r}.",
            f"列 {spec.target!r} 的标签为 {listing}；是否相同应由两个标签表示，其中之一为 {same!r}。",
        ),
        Text(
            "Check --target, keep two labels, or name the one for the same: --set spec.options.same=LABEL.",
            "请检查 --target，只保留两个标签，或指定表示相同的标签：--set spec.options.same=标签。",
        ),
    )
