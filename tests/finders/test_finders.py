"""Finders: each kind of trouble is found in the very rows that have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tuneworks.core import registry
from tuneworks.core.evaluation import Finding
from tuneworks.core.types import TaskSpec

LABELS = TaskSpec("text-classification", {"text": "text"}, "label", ("no", "yes"), "accuracy", "content")
PAIRS = TaskSpec("text-classification", {"text_a": "a", "text_b": "b"}, "label", ("no", "yes"), "accuracy", "content")
SPANS = TaskSpec("token-classification", {"text": "text"}, "spans", ("PER",), "f1", "content")


def found(name: str, rows: Sequence[dict], spec: TaskSpec = LABELS, splits: Sequence[str] = ()) -> list[Finding]:
    return list(registry.load("finders", name)().find(rows, spec, splits or ["train"] * len(rows)))


def labelled(*texts: str | None, label: str | None = "yes") -> list[dict]:
    return [{"text": text, "label": label} for text in texts]


def span(start: int, end: int, label: str = "PER") -> dict:
    return {"start": start, "end": end, "label": label}


def test_labels_are_counted_in_each_split() -> None:
    rows = labelled(*"abc") + labelled(*"de", label="no")
    table = found("label-counts", rows, splits=["train", "train", "test", "train", "validation"])[0].table
    assert table is not None
    assert table.rows == (("yes", 3, 2, 0, 1), ("no", 2, 1, 1, 0))


def test_labels_too_rare_or_never_trained_are_named_with_their_rows() -> None:
    rows = [*labelled(*map(str, range(20))), *labelled("x", "y", label="no"), *labelled("z", label="perhaps")]
    _, rare, untrained = found("label-counts", rows, splits=["train"] * 22 + ["test"])
    assert (rare.severity, rare.rows) == ("warning", (20, 21, 22))
    assert "perhaps (1), no (2)" in rare.problem.en
    assert "perhaps" in untrained.problem.zh


@pytest.mark.parametrize("label", ["yes", None])
def test_fewer_than_two_labels_are_an_error(label: str | None) -> None:
    severities = [finding.severity for finding in found("label-counts", labelled(*map(str, range(20)), label=label))]
    assert severities == ["note", "error"]


def test_span_labels_are_counted_and_one_of_them_is_enough() -> None:
    rows = [{"text": "Anna Bo", "spans": [span(0, 4), span(5, 7)]}] * 10 + [{"text": "none", "spans": []}]
    findings = found("label-counts", rows, SPANS)
    assert [finding.severity for finding in findings] == ["note"]
    assert findings[0].table is not None
    assert findings[0].table.rows == (("PER", 20, 20, 0, 0),)


def test_empty_texts_are_those_whose_every_input_is_blank() -> None:
    assert found("empty-texts", labelled("a", None, "", " \n\u3000"))[0].rows == (1, 2, 3)
    rows = [{"a": "x", "b": "", "label": "yes"}, {"a": " ", "b": None, "label": "yes"}]
    assert found("empty-texts", rows, PAIRS)[0].rows == (1,)
    assert found("empty-texts", labelled("", " "))[0].severity == "error"


def test_repeats_ignore_case_width_and_spaces_but_not_the_label() -> None:
    rows = [*labelled("Hello there", "ＨＥＬＬＯ  there"), *labelled("hello there", label="no")]
    assert [finding.rows for finding in found("repeated-rows", rows)] == [(1,)]
    pairs = [{"a": "x y", "b": "z", "label": "yes"}, {"a": "x", "b": "y z", "label": "yes"}]
    assert found("repeated-rows", pairs, PAIRS) == []


def test_contradictions_are_all_rows_of_an_input_with_several_labels() -> None:
    rows = [*labelled("same", "other"), *labelled("SAME", label="no"), *labelled("same", label=None)]
    finding = found("conflicting-labels", rows)[0]
    assert finding.rows == (0, 2)
    assert finding.table is not None
    assert finding.table.rows == (("same", "no, yes", "1, 3"),)


def test_overlap_is_counted_in_the_later_split() -> None:
    rows = labelled("a", "b", "A", "c", "b ", "C", "d")
    splits = ["train", "train", "validation", "validation", "test", "test", "test"]
    seen = [(finding.rows, round(finding.share, 2)) for finding in found("overlap", rows, splits=splits)]
    assert seen == [((2,), 0.5), ((4,), 0.33), ((5,), 0.33)]


def test_lengths_are_characters() -> None:
    table = found("lengths", labelled(*("好" * n for n in range(1, 101)), None))[0].table
    assert table is not None
    assert table.rows == (("text", 51, 96, 100),)


def test_missing_values_are_graver_in_the_target() -> None:
    rows = [{"text": "a", "label": None, "note": None}, {"text": None, "label": "yes", "note": "x"}]
    seen = [(finding.severity, finding.rows) for finding in found("missing-values", rows)]
    assert seen == [("warning", (0,)), ("note", (0,))]


def test_spans_beyond_crossed_and_loose_are_told_apart() -> None:
    rows = [
        {"text": "Anna", "spans": [span(0, 5)]},
        {"text": "Anna Bo", "spans": [span(0, 5)]},
        {"text": "Anna Bo", "spans": [span(0, 4), span(3, 7)]},
        {"text": "Anna Bo", "spans": [span(5, 7), span(0, 4)]},
        {"text": "Anna", "spans": None},
    ]
    seen = [(finding.severity, finding.rows) for finding in found("misplaced-spans", rows, SPANS)]
    assert seen == [("error", (0,)), ("warning", (2,)), ("warning", (1,))]


def test_labels_that_look_wrong_are_named_with_their_rows() -> None:
    texts = [
        f"{'the room was clean and quiet' if i % 2 else 'dirty and loud all night'} {'!' * (i % 5)}" for i in range(300)
    ]
    rows = [{"text": text, "label": ("no", "yes")[i % 2]} for i, text in enumerate(texts)]
    for wrong in (10, 121, 250):
        rows[wrong]["label"] = ("yes", "no")[wrong % 2]
    (finding,) = found("label-issues", rows)
    assert finding.rows == (10, 121, 250)
    assert finding.table is not None
    assert {(cells[0], cells[3]) for cells in finding.table.rows} == {(11, "no"), (122, "yes"), (251, "no")}


def test_labels_that_the_text_says_nothing_of_are_not_doubted() -> None:
    coin = np.random.default_rng(0).integers(0, 2, 300)
    rows = [{"text": f"row of number {i}", "label": ("no", "yes")[side]} for i, side in enumerate(coin)]
    assert not found("label-issues", rows)
