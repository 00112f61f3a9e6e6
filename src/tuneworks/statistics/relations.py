"""The official score of relation extraction: a relation counts whole, in both directions, and its absence not at all.

``Cause-Effect(e1,e2)`` and ``Cause-Effect(e2,e1)`` are one relation; an answer is right only with the right direction.
So does the scorer of SemEval-2010 task 8 (Hendrickx et al. 2010) in its official mode, (9+1)-way with direction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy import ndarray
from scipy.sparse import csr_array

from tuneworks.core.evaluation import Evaluation, Table, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import Score, TaskSpec
from tuneworks.statistics import classification
from tuneworks.statistics.classification import class_tallies, evaluate_classes, with_outside
from tuneworks.statistics.counts import MICRO, Averages, macro_f1, micro_f1, report_table, weighted_f1
from tuneworks.statistics.intervals import intervals

OWN = {
    "relation_macro_f1": Text("macro F1 of relations", "关系宏平均 F1"),
    "relation_micro_f1": Text("micro F1 of relations", "关系微平均 F1"),
}
METRICS = OWN | classification.METRICS
ABSENCES = (
    "other",
    "unknown",
    "no_relation",
    "no relation",
    "na",
    "n/a",
    "none",
    "无",
    "无关系",
    "未知",
    "其他",
    "其它",
)

_directed = re.compile(r"(.+)\(\s*e[12]\s*,\s*e[12]\s*\)")


def absence_among(labels: Sequence[str]) -> str | None:
    """The label that says there is no relation, by its name.

    >>> absence_among(["Cause-Effect(e1,e2)", "Other"]), absence_among(["收购", "合作"])
    ('Other', None)
    """
    return next((label for label in labels if label.casefold() in ABSENCES), None)


def relation_of(label: str) -> str:
    """A label without its direction.

    >>> relation_of("Cause-Effect(e2,e1)"), relation_of("收购")
    ('Cause-Effect', '收购')
    """
    match = _directed.fullmatch(label)
    return match[1] if match else label


def evaluate_relations(
    truth: ndarray, scores: ndarray, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> Evaluation:
    """A classifier's whole evaluation, with the relations' own scores and report at its head."""
    plain = spec.metric if spec.metric in classification.METRICS else "accuracy"
    evaluation, _ = evaluate_classes(truth, scores, spec=replace(spec, metric=plain), rows=rows)
    numbered, outside = with_outside(truth, spec, rows)
    sums, names = _counts(numbered, scores.argmax(axis=1), (*spec.labels, *outside), spec.options.get("absence"))
    measured = intervals(_tallies(sums))
    return replace(
        evaluation,
        metric=spec.metric or "relation_macro_f1",
        scores=measured | dict(evaluation.scores),
        tables=(_report(sums, names, measured), *evaluation.tables),
    )


def relation_tallies(
    truth: ndarray, scores: ndarray, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Tally]:
    """``METRICS`` as far as the rows define them."""
    numbered, outside = with_outside(truth, spec, rows)
    sums, _ = _counts(numbered, scores.argmax(axis=1), (*spec.labels, *outside), spec.options.get("absence"))
    return _tallies(sums) | class_tallies(numbered, scores)


def _tallies(sums: csr_array) -> dict[str, Tally]:
    return {"relation_macro_f1": Tally(sums, macro_f1), "relation_micro_f1": Tally(sums, micro_f1)}


def _counts(
    truth: ndarray, answers: ndarray, labels: Sequence[str], absence: str | None
) -> tuple[csr_array, list[str]]:
    """What each row adds to the hits, answers and truths of R relations (N, 3R), and their names."""
    names = sorted({relation_of(label) for label in labels if label != absence})
    number = {name: i for i, name in enumerate(names)}
    relation = np.array([-1 if label == absence else number[relation_of(label)] for label in labels])
    parts = np.where(truth == answers, relation[truth], -1), relation[answers], relation[truth]
    row, column = [], []
    for block, found in enumerate(parts):
        counted = np.flatnonzero(found >= 0)
        row.append(counted)
        column.append(block * len(names) + found[counted])
    cells = np.concatenate(row), np.concatenate(column)
    ones = np.ones(len(cells[0]), dtype=np.float32)
    return csr_array((ones, cells), shape=(len(truth), 3 * len(names))), names


def _report(sums: csr_array, names: Sequence[str], measured: Mapping[str, Score]) -> Table:
    weighted = intervals({"weighted": Tally(sums, weighted_f1)})["weighted"]
    averages = Averages(MICRO, measured["relation_micro_f1"], measured["relation_macro_f1"], weighted)
    title = Text("Report by relation (both directions together)", "各关系报告（两个方向合并）")
    return report_table("relation_report", title, names, sums, averages)
