"""Labelled stretches of a text: names, places, amounts, parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, Span, SpansAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.ranges import OneOf, Range, check_values
from tuneworks.core.text import Text
from tuneworks.core.types import COLUMN_KINDS, Column, Output, TaskSpec
from tuneworks.language.segments import units as words_of
from tuneworks.language.segments import whitespace_units
from tuneworks.statistics.entities import METRICS, SpanRows, entity_tallies, evaluate_entities
from tuneworks.statistics.iob2 import spans_of_tags, tags_of_spans
from tuneworks.statistics.passages_of_rows import merged, passages
from tuneworks.statistics.roles import check_inputs, named, only

UNITS = {"words": words_of, "whitespace": whitespace_units}
DOCUMENT = "document"
Units = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Options:
    """Settings of ``token-classification``.

    ``units``: what a unit is: ``words`` (each Chinese character alone) or ``whitespace`` (what blanks separate); the
    default is ``whitespace`` where every span of the data begins and ends at one. ``document``: a column whose equal
    values in neighbouring rows say that their texts follow each other: they are then learnt and measured together, in
    passages of at most ``passage`` units.
    """

    units: str | None = None
    document: str | None = None
    passage: int = 128

    def __post_init__(self) -> None:
        check_values(self, {"units": OneOf(tuple(UNITS)), "passage": Range(least=1)}, "spec.options.")


class TokenClassification(Task):
    """Reads one text, answers with spans; each unit of the text gets an IOB2 tag, decoded on the legal path."""

    Options = Options
    roles = MappingProxyType({"text": ("text", "category")})
    target_kinds = ("spans",)

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        target = (
            named(columns, spec.target, self.target_kinds, role="target")
            if spec.target
            else only(columns, self.target_kinds, role="target")
        )
        document = spec.options.get("document")
        inputs = spec.inputs or {
            "text": only(columns, self.roles["text"], role="text", exclude=("split", document or DOCUMENT))
        }
        check_inputs(columns, inputs, self.roles)
        labels = spec.labels or tuple(sorted({span["label"] for row in rows for span in row.get(target) or ()}))
        if not labels:
            raise UnsuitableData(
                Text(f"No row of the column {target!r} holds a span.", f"列 {target!r} 中没有任何标注片段。"),
                Text("Add rows with labelled spans.", "请添加带有标注片段的数据。"),
            )
        metric = spec.metric or "span_f1"
        if metric not in METRICS:
            raise InvalidConfig(
                Text(f"There is no metric named {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
                Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
            )
        if document is not None:
            named(columns, document, COLUMN_KINDS, role="spec.options.document")
        units = spec.options.get("units") or _units_of(rows, inputs["text"], target)
        context = {} if document is None else {"document": document}
        options = {**spec.options, "units": units, **context}
        split = spec.split if document is None else spec.split or f"group({document})"
        return replace(spec, target=target, inputs=inputs, labels=labels, metric=metric, options=options, split=split)

    def arrange(self, spec: TaskSpec, rows: Sequence[Row], splits: Sequence[str]) -> Iterator[tuple[Row, str]]:
        options = Options(**spec.options)
        if options.document is None:
            return zip(rows, splits, strict=True)
        segment, text = UNITS[options.units or "words"], spec.inputs["text"]
        lengths = [len(segment(str(row.get(text) or ""))) for row in rows]
        groups = passages(
            rows, splits, lengths, document=options.document, target=spec.target or "", most=options.passage
        )
        return ((merged([rows[i] for i in group], text, spec.target or ""), splits[group[0]]) for group in groups)

    def output(self, spec: TaskSpec) -> Output:
        return Output("token_classes", 1 + 2 * len(spec.labels))

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        texts = [str(row.get(spec.inputs["text"]) or "") for row in rows]
        segment = UNITS[spec.options.get("units", "words")]
        units = [segment(text) for text in texts]
        known = bool(rows) and all(spec.target in row for row in rows)
        targets = None
        if known:
            number = {tag: i for i, tag in enumerate(tags_of(spec))}
            targets = [
                np.array([number.get(tag, -1) for tag in tags_of_spans(spans, truth)], np.int64)
                for spans, truth in zip(units, self._truth(spec, rows), strict=True)
            ]
        return Examples({"text": texts}, rows, targets, units)

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        texts = examples.inputs["text"]
        return [
            SpansAnswer(tuple(_spans(spec, score, units, text)))
            for score, units, text in zip(scores, examples.units or (), texts, strict=True)
        ]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return entity_tallies(self._span_rows(spec, scores, examples), spec.labels)

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_entities(self._span_rows(spec, scores, examples), spec=spec, rows=examples.rows)[0]

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        random = np.random.default_rng(seed)
        made: list[Row] = []
        for _ in range(rows):
            name, place = ("Anna", "Bob", "Chen")[random.integers(3)], ("Paris", "Rome", "Xi'an")[random.integers(3)]
            text = f"{name} moved to {place} {random.integers(10_000)}"
            at = len(name) + len(" moved to ")
            spans = [
                {"start": 0, "end": len(name), "label": "PERSON"},
                {"start": at, "end": at + len(place), "label": "PLACE"},
            ]
            made.append({"text": text, "spans": spans})
        return (Column("text", "text"), Column("spans", "spans")), made

    def _truth(self, spec: TaskSpec, rows: Sequence[Row]) -> list[list[Span]]:
        return [
            [Span(span["start"], span["end"], span["label"]) for span in row.get(spec.target or "") or ()]
            for row in rows
        ]

    def _span_rows(self, spec: TaskSpec, scores: Any, examples: Examples) -> SpanRows:
        predicted = [answer.spans for answer in self.decode(spec, scores, examples) if isinstance(answer, SpansAnswer)]
        return SpanRows(self._truth(spec, examples.rows), predicted, examples.units or ())


def tags_of(spec: TaskSpec) -> list[str]:
    """The IOB2 tags in the order of the score arrays: O, then B- and I- of each label."""
    return ["O", *(f"{mark}-{label}" for label in spec.labels for mark in "BI")]


def legal_path(scores: Any) -> list[int]:
    """The most probable tag sequence in which every I- follows a tag of its label (Viterbi); scores (L, C)."""
    logs = np.log(np.asarray(scores, dtype=np.float64) + 1e-12)
    if not len(logs):
        return []
    size = logs.shape[1]
    allowed = np.zeros((size, size))
    for tag in range(2, size, 2):  # an I-: only after its own B- or itself
        allowed[:, tag] = -np.inf
        allowed[[tag - 1, tag], tag] = 0.0
    best = logs[0].copy()
    best[2::2] = -np.inf
    back = np.zeros((len(logs), size), dtype=np.int64)
    for unit in range(1, len(logs)):
        through = best[:, None] + allowed
        back[unit] = through.argmax(axis=0)
        best = through.max(axis=0) + logs[unit]
    path = [int(best.argmax())]
    for unit in range(len(logs) - 1, 0, -1):
        path.append(int(back[unit][path[-1]]))
    return path[::-1]


def _spans(spec: TaskSpec, scores: Any, units: Units, text: str) -> Iterator[Span]:
    tags = tags_of(spec)
    path = legal_path(scores)
    sure = [float(scores[unit][tag]) for unit, tag in enumerate(path)]
    for span in spans_of_tags(units, [tags[tag] for tag in path], text):
        inside = [sure[i] for i, (start, end) in enumerate(units) if start >= span.start and end <= span.end]
        yield replace(span, score=float(np.mean(inside)))


def _units_of(rows: Sequence[Row], text_column: str, target: str) -> str:
    """``whitespace`` where every span begins and ends at a blank or an end of its text, else ``words``."""
    for row in rows:
        text = str(row.get(text_column) or "")
        for span in row.get(target) or ():
            before, after = text[max(0, span["start"] - 1) : span["start"]], text[span["end"] : span["end"] + 1]
            if before.strip() or after.strip():
                return "words"
    return "whitespace"
