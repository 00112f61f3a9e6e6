"""How two things that a text speaks of relate: buyer and bought, cause and effect, part and whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, ClassAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.language.mentions import Mentions, by_marks, by_wording
from tuneworks.statistics.relations import METRICS, absence_among, evaluate_relations, relation_tallies
from tuneworks.statistics.roles import check_inputs, named, only
from tuneworks.statistics.shapes.values import shown


@dataclass(frozen=True)
class Options:
    """Settings of ``relation-extraction``.

    ``absence``: the label that says there is no relation, which the relations' own scores leave out; by default one
    that is called so, such as ``Other``, ``unknown``, ``no_relation`` or ``无关系``.
    """

    absence: str | None = None


class RelationExtraction(Task):
    """Reads one text and which two of its stretches are meant, answers with their relation.

    The two are named by columns ``head`` and ``tail``, or marked in the text: ``<e1>head</e1>``, ``<e2>tail</e2>``.
    """

    Options = Options
    roles = MappingProxyType({"text": ("text", "category"), "head": ("category", "text"), "tail": ("category", "text")})
    read = ("text",)
    target_kinds = ("category",)

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        inputs = spec.inputs or _inputs(columns, spec.target)
        marked = {"text": self.roles["text"]}
        check_inputs(columns, inputs, marked if inputs.keys() == marked.keys() else self.roles)
        taken = ("split", *inputs.values())
        target = (
            named(columns, spec.target, self.target_kinds, role="target")
            if spec.target
            else only(columns, self.target_kinds, role="target", exclude=taken)
        )
        labels = spec.labels or tuple(sorted({str(row[target]) for row in rows if row.get(target) is not None}))
        if len(labels) < 2:
            raise UnsuitableData(
                Text(
                    f"The column {target!r} holds {len(labels)} label(s): {', '.join(labels) or '-'}.",
                    f"列 {target!r} 只有 {len(labels)} 个标签：{'、'.join(labels) or '-'}。",
                ),
                Text("Add rows of at least two relations.", "请添加至少两种关系的数据。"),
            )
        metric = spec.metric or "relation_macro_f1"
        if metric not in METRICS:
            raise InvalidConfig(
                Text(f"There is no metric named {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
                Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
            )
        options = {"absence": spec.options.get("absence") or absence_among(labels)}
        made = replace(spec, target=target, inputs=inputs, labels=labels, metric=metric, options=options)
        _mentions(made, rows)
        return made

    def output(self, spec: TaskSpec) -> Output:
        return Output("classes", len(spec.labels))

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        mentions = _mentions(spec, rows)
        number = {label: i for i, label in enumerate(spec.labels)}
        known = bool(rows) and all(spec.target in row for row in rows)
        targets = np.array([number.get(str(row[spec.target or ""]), -1) for row in rows], np.int64) if known else None
        texts = [found.text for found in mentions]
        return Examples({"text": texts}, rows, targets, marks=[found.stretches for found in mentions])

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        return [
            ClassAnswer(
                spec.labels[int(row.argmax())], float(row.max()), dict(zip(spec.labels, row.tolist(), strict=True))
            )
            for row in np.asarray(scores)
        ]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return relation_tallies(examples.targets, np.asarray(scores), spec=spec, rows=examples.rows)

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_relations(examples.targets, np.asarray(scores), spec=spec, rows=examples.rows)

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        patterns = {
            "buys(e1,e2)": "{head} took over {tail}",
            "buys(e2,e1)": "{head} was sold to {tail}",
            "sues(e1,e2)": "{head} goes to court against {tail}",
            "unknown": "{head} and {tail} were at the fair",
        }
        random = np.random.default_rng(seed)
        made: list[Row] = []
        for number in range(rows):
            relation = list(patterns)[number % len(patterns)]
            head, tail = random.choice(["Alpha", "Borealis", "Cedar", "Dynamo", "东方航空", "上航"], 2, replace=False)
            said = patterns[relation].format(head=head, tail=tail)
            text = f"{said}, note {random.integers(10_000)}"
            made.append({"text": text, "head": str(head), "tail": str(tail), "relation": relation})
        kinds = {"text": "text", "head": "category", "tail": "category", "relation": "category"}
        return tuple(Column(name, kind) for name, kind in kinds.items()), made


def _inputs(columns: Sequence[Column], target: str | None) -> dict[str, str]:
    """The columns ``head`` and ``tail`` where there are both, and the text beside them."""
    names = {column.name for column in columns}
    mentions = {role: role for role in ("head", "tail") if {"head", "tail"} <= names}
    taken = tuple(name for name in (*mentions, target) if name)
    return {"text": only(columns, ("text",), role="text", exclude=taken), **mentions}


def _mentions(spec: TaskSpec, rows: Sequence[Row]) -> list[Mentions]:
    """Where head and tail stand in each row's text; raises ``InvalidInput`` naming the first row that does not say."""
    text, head, tail = (spec.inputs.get(role) for role in ("text", "head", "tail"))
    made = []
    for number, row in enumerate(rows, start=1):
        whole = str(row.get(text or "") or "")
        if head and tail:
            found = by_wording(whole, str(row.get(head) or ""), str(row.get(tail) or ""))
        else:
            found = by_marks(whole)
        if found is None:
            raise _unmarked(number, whole) if head is None else _absent(number, row, whole, (head, tail or ""))
        made.append(found)
    return made


def _absent(number: int, row: Row, text: str, columns: tuple[str, str]) -> InvalidInput:
    wanted = [str(row.get(column) or "") for column in columns]
    column, value = next(
        ((column, value) for column, value in zip(columns, wanted, strict=True) if not value or value not in text),
        (columns[1], wanted[1]),
    )
    return InvalidInput(
        Text(
            f"Row {number}: the {column} {shown(value)} does not stand in the text {shown(text)}.",
            f"第 {number} 行：{column} {shown(value)} 未出现在文本 {shown(text)} 中。",
        ),
        Text(
            f"Give {columns[0]} and {columns[1]} exactly as they stand in the text.",
            f"请按文本中的原样给出 {columns[0]} 与 {columns[1]}。",
        ),
    )


def _unmarked(number: int, text: str) -> InvalidInput:
    return InvalidInput(
        Text(
            f"Row {number}: the text does not mark two stretches: {shown(text)}.",
            f"第 {number} 行：文本中没有标出两个片段：{shown(text)}。",
        ),
        Text(
            "Write <e1>one</e1> and <e2>the other</e2>, or name columns that say them: "
            "--set spec.inputs.text=COLUMN --set spec.inputs.head=COLUMN --set spec.inputs.tail=COLUMN",
            "请写成 <e1>其一</e1> 与 <e2>其二</e2>，或指定说明二者的列："
            "--set spec.inputs.text=列名 --set spec.inputs.head=列名 --set spec.inputs.tail=列名",
        ),
    )
