"""Checking data: every finder looks, the worst comes first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig, NotFound
from tuneworks.core.types import Event
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import SEVERITIES, check

DATA = os.environ.get("TUNEWORKS_DATA")
ROWS = [{"text": f"this is text number {i}", "label": ("no", "yes")[i % 2]} for i in range(60)]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "workspace") as opened:
        yield opened


def test_every_finder_looks_and_progress_is_told(workspace: Workspace) -> None:
    add(ROWS, name="a", workspace=workspace)
    said: list[Event] = []
    result = check("a", workspace=workspace, listener=said.append)
    assert [event.step for event in said][-1] == len(registry.names("finders"))
    assert {finding.severity for finding in result.findings} == {"note"}
    assert {table.name for table in result.tables} == {"label_counts", "lengths"}
    assert result.dataset.rows == 60


def test_the_worst_comes_first(workspace: Workspace) -> None:
    trouble = [
        *ROWS,
        {"text": "  ", "label": "yes"},
        {"text": "THIS is text number 0", "label": "yes"},
        {"text": "this is text number 1", "label": "yes"},
        {"text": "unlabelled", "label": None},
        {"text": "a rare one", "label": "perhaps"},
    ]
    add(trouble, name="a", workspace=workspace)
    findings = check("a", workspace=workspace).findings
    ranks = [SEVERITIES.index(finding.severity) for finding in findings]
    assert ranks == sorted(ranks)
    seen = {finding.finder: finding.rows for finding in findings if finding.rows}
    assert seen["empty-texts"] == (60,)
    assert seen["conflicting-labels"] == (0, 61)
    assert seen["repeated-rows"] == (62,)
    assert seen["missing-values"] == (63,)
    assert seen["label-counts"] == (64,)


def test_overlap_between_the_users_own_splits_is_found(workspace: Workspace) -> None:
    rows = [{**row, "split": "train"} for row in ROWS] + [
        {"text": "This is text  number 4", "label": "no", "split": "test"},
        {"text": "seen for the first time", "label": "no", "split": "test"},
    ]
    add(rows, name="a", workspace=workspace)
    found = [finding for finding in check("a", workspace=workspace).findings if finding.finder == "overlap"]
    assert [(finding.rows, finding.share) for finding in found] == [((60,), 0.5)]


@pytest.mark.parametrize(("long", "found"), [(0, []), (3, [(60, 61, 62)])])
def test_texts_cut_by_the_model_are_counted_and_nothing_is_said_where_none_is(
    long: int, found: list[tuple[int, ...]], workspace: Workspace
) -> None:
    rows = [*ROWS, *({"text": f"{number} " + "a very long story " * 400, "label": "no"} for number in range(long))]
    add(rows, name="a", kinds={"text": "text", "label": "category"}, workspace=workspace)
    cut = [finding for finding in check("a", workspace=workspace).findings if finding.finder == "truncation"]
    assert [finding.rows for finding in cut] == found
    assert all(finding.problem.en.startswith("3 of 63 texts in 'text' (4.8%)") for finding in cut)


def test_spans_are_checked_as_token_classification(workspace: Workspace) -> None:
    rows = [{"text": f"Anna met {i}", "spans": [{"start": 0, "end": 4, "label": "PER"}]} for i in range(60)]
    rows.append({"text": "Bo", "spans": [{"start": 0, "end": 9, "label": "PER"}]})
    rows.append(
        {"text": "Anna Bo", "spans": [{"start": 0, "end": 5, "label": "PER"}, {"start": 4, "end": 7, "label": "PER"}]}
    )
    add(rows, name="a", workspace=workspace)
    found = [finding for finding in check("a", workspace=workspace).findings if finding.finder == "misplaced-spans"]
    assert [(finding.severity, finding.rows) for finding in found] == [
        ("error", (60,)),
        ("warning", (61,)),
        ("warning", (61,)),
    ]


def test_an_unknown_dataset_or_task_names_the_nearest(workspace: Workspace) -> None:
    add(ROWS, name="tickets", workspace=workspace)
    with pytest.raises(NotFound) as dataset:
        check("tikets", workspace=workspace)
    assert "tickets" in dataset.value.fix.en
    with pytest.raises(InvalidConfig) as task:
        check("tickets", task="text-clasification", workspace=workspace)
    assert "text-classification" in task.value.fix.en


@pytest.mark.skipif(not DATA, reason="TUNEWORKS_DATA names no folder of public data sets")
@pytest.mark.parametrize(
    ("folder", "target", "overlap", "conflicts"),
    [("banking77", None, [7], 0), ("clinc150", "intent", [3, 2], 4), ("chnsenticorp_htl", None, [], 0)],
)
def test_what_is_known_of_public_data_is_found(
    folder: str, target: str | None, overlap: list[int], conflicts: int, workspace: Workspace
) -> None:
    add(Path(DATA or "") / folder, workspace=workspace)
    findings = check(folder, target=target, workspace=workspace).findings
    assert [len(finding.rows) for finding in findings if finding.finder == "overlap"] == overlap
    tables = [finding.table for finding in findings if finding.finder == "conflicting-labels"]
    assert sum(len(table.rows) for table in tables if table) == conflicts
