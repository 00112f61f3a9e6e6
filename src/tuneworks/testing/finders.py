"""What every finder must keep to: the public contract suite, plain functions with asserts.

``check_finder(finder)`` runs all of it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from tuneworks.core.asking import Finder
from tuneworks.core.types import TaskSpec

SEVERITIES = {"error", "warning", "note"}
LABELS = TaskSpec("text-classification", {"text": "text"}, "label", ("no", "yes"), "accuracy", "content")
SPANS = TaskSpec("token-classification", {"text": "text"}, "spans", ("PER",), "f1", "content")
TAGS = TaskSpec("multi-label-classification", {"text": "text"}, "tags", ("cards", "loans"), "micro_f1", "content")
NUMBERS = TaskSpec("text-regression", {"text": "text"}, "score", (), "rmse", "content")
SPLITS = ("train", "validation", "test")

Rows = list[dict[str, Any]]


def labelled_rows() -> Rows:
    """Sound rows of two labels."""
    return [{"text": f"text number {i}", "label": ("no", "yes")[i // 3 % 2]} for i in range(90)]


def marked_rows() -> Rows:
    """Sound rows of spans."""
    return [{"text": f"Ann met {i} people", "spans": [{"start": 0, "end": 3, "label": "PER"}]} for i in range(90)]


def troubled_rows() -> Rows:
    """Rows with every kind of trouble: gaps, blanks, repeats, contradictions, a single label."""
    texts = (None, "", "  ", "the same", "THE SAME", "the  same", "好" * 10_000, "other")
    labels = (None, "no", "yes", "no", "no", "yes", "no", None)
    return [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]


def tagged_rows() -> Rows:
    """Sound rows of several labels each, some of none."""
    return [{"text": f"letter number {i}", "tags": ["cards", "loans"][: i // 3 % 3]} for i in range(90)]


def measured_rows() -> Rows:
    """Sound rows of numbers."""
    return [{"text": f"letter number {i}", "score": i / 7} for i in range(90)]


SOUND = ((labelled_rows, LABELS), (marked_rows, SPANS), (tagged_rows, TAGS), (measured_rows, NUMBERS))
CASES = (*SOUND, (troubled_rows, LABELS))


def check_finder(finder: Finder) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(finder)


def check_findings_are_well_formed(finder: Finder) -> None:
    """Known severity, texts in both languages, rows that exist, a share between 0 and 1."""
    for make, spec in CASES:
        rows = make()
        for finding in finder.find(rows, spec, sides(rows)):
            assert finding.severity in SEVERITIES
            assert finding.finder == type(finder).__module__.rsplit(".", 1)[-1].replace("_", "-")
            assert all((finding.problem.en, finding.problem.zh, finding.fix.en, finding.fix.zh))
            assert set(finding.rows) <= set(range(len(rows)))
            assert list(finding.rows) == sorted(set(finding.rows))
            assert 0 <= finding.share <= 1


def check_sound_rows_raise_no_alarm(finder: Finder) -> None:
    """On sound rows there are notes at most."""
    for make, spec in SOUND:
        rows = make()
        assert {finding.severity for finding in finder.find(rows, spec, sides(rows))} <= {"note"}


def check_rows_are_left_alone(finder: Finder) -> None:
    """A finder looks and does not touch, and sees the same twice."""
    for make, spec in CASES:
        rows = make()
        before = copy.deepcopy(rows)
        assert list(finder.find(rows, spec, sides(rows))) == list(finder.find(rows, spec, sides(rows)))
        assert rows == before


def sides(rows: Sequence[Any]) -> list[str]:
    """Splits in turn, so that each of them holds rows."""
    return [SPLITS[i % 3] for i in range(len(rows))]


CHECKS = (check_findings_are_well_formed, check_sound_rows_raise_no_alarm, check_rows_are_left_alone)
