"""The evaluation of a tagger: labelled spans of text, right only when both ends and the label are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray
from scipy.sparse import csr_array

from tuneworks.core.answers import Span
from tuneworks.core.evaluation import Evaluation, Matrix, Mistake, Table, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import Score, TaskSpec
from tuneworks.statistics.classification import chosen_metric
from tuneworks.statistics.counts import (
    ACCURACY,
    MICRO,
    Averages,
    class_counts,
    macro_f1,
    micro_f1,
    micro_precision,
    micro_recall,
    pairs_if_many,
    report_table,
    weighted_f1,
)
from tuneworks.statistics.intervals import intervals, must_have_rows
from tuneworks.statistics.iob2 import Units, spans_of_tags, tags_of_spans

__all__ = ["METRICS", "SpanRows", "entity_tallies", "evaluate_entities", "spans_of_tags", "tags_of_spans"]

METRICS = {
    "span_f1": Text("span F1", "实体 F1"),
    "span_precision": Text("span precision", "实体精确率"),
    "span_recall": Text("span recall", "实体召回率"),
    "macro_span_f1": Text("macro span F1", "实体宏平均 F1"),
    "weighted_span_f1": Text("weighted span F1", "实体加权 F1"),
    "token_accuracy": Text("token accuracy", "词元准确率"),
    "token_macro_f1": Text("token macro F1", "词元宏平均 F1"),
    "token_weighted_f1": Text("token weighted F1", "词元加权 F1"),
}
NOTHING = "O"
WORST_MISTAKES = 20
Spans = Sequence[Sequence[Span]]


@dataclass(frozen=True)
class SpanRows:
    """N texts: their true spans, the predicted ones, and the code-point offsets of their units."""

    truth: Spans
    predicted: Spans
    units: Sequence[Units]


def evaluate_entities(
    held_out: SpanRows, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> tuple[Evaluation, dict[str, Tally]]:
    """Exact-span scores with intervals, reports by type and by IOB2 tag, confusions of types, mistakes; and tallies.

    ``spec.labels`` gives the order of types; types met beyond it follow in alphabetical order.
    """
    must_have_rows(len(held_out.truth))
    types, tags = _types(held_out, spec.labels), _Tags.of(held_out)
    sums = _span_counts(held_out, types)
    tallies = _span_tallies(sums) | tags.tallies()
    measured = intervals(tallies)
    matrix = _confusion(held_out, types)
    evaluation = Evaluation(
        metric=chosen_metric(spec.metric or "span_f1", tallies),
        rows=len(held_out.truth),
        scores=measured,
        tables=(_span_report(types, sums, measured), tags.report(measured), *pairs_if_many(matrix)),
        matrices=(matrix,),
        mistakes=_mistakes(held_out, spec, rows),
    )
    return evaluation, tallies


def entity_tallies(held_out: SpanRows, labels: Sequence[str] = ()) -> dict[str, Tally]:
    """``METRICS`` as tallies, one row a text."""
    return _span_tallies(_span_counts(held_out, _types(held_out, labels))) | _Tags.of(held_out).tallies()


@dataclass(frozen=True)
class _Tags:
    """Both sides as IOB2 tags: their names, and counts (N, 3C) of every text."""

    names: list[str]
    sums: csr_array

    @classmethod
    def of(cls, held_out: SpanRows) -> _Tags:
        truth = [tags_of_spans(units, spans) for units, spans in zip(held_out.units, held_out.truth, strict=True)]
        answers = [tags_of_spans(units, spans) for units, spans in zip(held_out.units, held_out.predicted, strict=True)]
        names = sorted({tag for side in (truth, answers) for tags in side for tag in tags})
        number = {name: i for i, name in enumerate(names)}
        flat = [np.array([number[tag] for tags in side for tag in tags], dtype=int) for side in (truth, answers)]
        text_of_tag = np.repeat(np.arange(len(truth)), [len(tags) for tags in truth])
        gather = csr_array(
            (np.ones(len(text_of_tag), dtype=np.float32), (text_of_tag, np.arange(len(text_of_tag)))),
            shape=(len(truth), len(text_of_tag)),
        )
        return cls(names, csr_array(gather @ class_counts(flat[0], flat[1], len(names))))

    def tallies(self) -> dict[str, Tally]:
        return {
            "token_accuracy": Tally(self.sums, micro_f1),
            "token_macro_f1": Tally(self.sums, macro_f1),
            "token_weighted_f1": Tally(self.sums, weighted_f1),
        }

    def report(self, measured: Mapping[str, Score]) -> Table:
        title = Text("Token report (IOB2 tags)", "词元级报告（IOB2 标签）")
        averages = Averages(
            ACCURACY, measured["token_accuracy"], measured["token_macro_f1"], measured["token_weighted_f1"]
        )
        return report_table("token_report", title, self.names, self.sums, averages)


def _types(held_out: SpanRows, labels: Sequence[str]) -> list[str]:
    met = {span.label for side in (held_out.truth, held_out.predicted) for spans in side for span in spans}
    return [label for label in labels if label in met] + sorted(met - set(labels))


def _span_counts(held_out: SpanRows, types: Sequence[str]) -> csr_array:
    """Hits, answers and truths of each type in each text: (N, 3T)."""
    number = {label: i for i, label in enumerate(types)}
    cells: Counter[tuple[int, int]] = Counter()
    for row, (truth, predicted) in enumerate(
        zip(map(_keys, held_out.truth), map(_keys, held_out.predicted), strict=True)
    ):
        for block, keys in enumerate((truth & predicted, predicted, truth)):
            cells.update((row, block * len(types) + number[label]) for _, _, label in keys)
    places = np.array(list(cells), dtype=int).reshape(-1, 2)
    counts = np.array(list(cells.values()), dtype=np.float32)
    return csr_array((counts, (places[:, 0], places[:, 1])), shape=(len(held_out.truth), 3 * len(types)))


def _span_tallies(sums: csr_array) -> dict[str, Tally]:
    finishers = {
        "span_f1": micro_f1,
        "span_precision": micro_precision,
        "span_recall": micro_recall,
        "macro_span_f1": macro_f1,
        "weighted_span_f1": weighted_f1,
    }
    return {name: Tally(sums, finish) for name, finish in finishers.items()}


def _span_report(types: Sequence[str], sums: csr_array, measured: Mapping[str, Score]) -> Table:
    averages = Averages(MICRO, measured["span_f1"], measured["macro_span_f1"], measured["weighted_span_f1"])
    title = Text("Span report (exact match)", "实体级报告（完全匹配）")
    return report_table("span_report", title, types, sums, averages)


def _keys(spans: Sequence[Span]) -> set[tuple[int, int, str]]:
    return {(span.start, span.end, span.label) for span in spans}


def _confusion(held_out: SpanRows, types: Sequence[str]) -> Matrix:
    """Types of spans with the same ends; a span without a partner is met by ``NOTHING``."""
    labels = [*types, NOTHING]
    number = {label: i for i, label in enumerate(labels)}
    counts: ndarray = np.zeros((len(labels), len(labels)), dtype=int)
    for truth, predicted in zip(held_out.truth, held_out.predicted, strict=True):
        true, answered = ({(s.start, s.end): s.label for s in spans} for spans in (truth, predicted))
        for ends in true.keys() | answered.keys():
            counts[number[true.get(ends, NOTHING)], number[answered.get(ends, NOTHING)]] += 1
    title = Text(f"Types of spans ({NOTHING}: no span there)", f"实体类型混淆（{NOTHING}：该处无实体）")
    return Matrix("confusion", title, tuple(labels), tuple(tuple(row) for row in counts.tolist()))


def _mistakes(held_out: SpanRows, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]) -> tuple[Mistake, ...]:
    """Texts with wrong or missed spans: most confident wrong span first, then most differences."""
    found = []
    for row, truth, predicted in zip(rows, held_out.truth, held_out.predicted, strict=True):
        different = _keys(truth) ^ _keys(predicted)
        if different:
            wrong = [s.score or 0.0 for s in predicted if (s.start, s.end, s.label) in different]
            inputs = {column: row.get(column) for column in spec.inputs.values()}
            mistake = Mistake(inputs, _plain(truth), _plain(predicted), max(wrong, default=0.0))
            found.append((mistake.confidence, len(different), mistake))
    found.sort(key=lambda item: item[:2], reverse=True)
    return tuple(mistake for _, _, mistake in found[:WORST_MISTAKES])


def _plain(spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [{"start": s.start, "end": s.end, "label": s.label, "text": s.text} for s in spans]
