"""An evaluation says the same twice, of any dataset, beside what the model must beat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import tiny_encoder
from tuneworks.core.errors import InvalidConfig, TuneworksError, UnsuitableData
from tuneworks.core.types import Event, ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.baselines import BEFORE, NGRAMS
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.tune import tune
from tuneworks.statistics import splits
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.testing.workspaces import NAME, sample_rows, tune_again, tuned_workspace

MAJORITY = shape_of("classes").simplest


@pytest.fixture
def workspace(tmp_path: Path):
    with tuned_workspace(tmp_path / ".tuneworks", rows=200) as opened:
        yield opened


def test_a_second_evaluation_says_what_the_first_said(workspace: Workspace) -> None:
    (version,) = workspace.store.find(ModelVersion)
    first, second = (evaluate(NAME, workspace=workspace) for _ in range(2))
    assert first.evaluation == second.evaluation
    assert first.comparisons == second.comparisons
    assert first.evaluation.scores == version.scores
    assert [comparison.name for comparison in first.comparisons] == [MAJORITY]


def test_baselines_are_fitted_once_and_equal_ever_after(workspace: Workspace, tmp_path: Path) -> None:
    heard: list[Event] = []
    tiny = f"path:{tiny_encoder(tmp_path / 'tiny')}"
    version = tune(NAME, base=tiny, workspace=workspace, listener=heard.append)
    assert sum(event.kind == "baseline" for event in heard) == 2
    stored = json.loads((workspace.reports / version.label / "report.json").read_text(encoding="utf-8"))
    heard.clear()
    report = evaluate(version.label, workspace=workspace, listener=heard.append)
    assert not [event for event in heard if event.kind == "baseline"]
    assert [comparison.name for comparison in report.comparisons] == [MAJORITY, NGRAMS, BEFORE]
    again = json.loads(report.json.read_text(encoding="utf-8"))
    assert again["comparisons"] == stored["comparisons"]
    assert again["evaluation"] == stored["evaluation"]


def test_the_report_counts_how_often_test_rows_were_scored(workspace: Workspace) -> None:
    for times in (2, 3):
        report = evaluate(NAME, workspace=workspace)
        assert len(json.loads(report.json.read_text(encoding="utf-8"))["test_scored"]) == times
        assert report.html.read_text(encoding="utf-8").startswith("<!")


def test_another_dataset_has_labels_the_model_does_not_know_and_they_count(workspace: Workspace) -> None:
    rows = sample_rows(200, seed=5)
    odd = [{"text": f"please refund my order {i}", "topic": "refund"} for i in range(100)]
    add([*rows, *odd], name="later", workspace=workspace)
    own, other = evaluate(NAME, workspace=workspace), evaluate(NAME, dataset="later", workspace=workspace)
    assert own.evaluation.scores["accuracy"].value > 0.95
    assert other.evaluation.scores["accuracy"].value == pytest.approx(2 / 3, abs=0.15)
    assert {mistake.truth for mistake in other.evaluation.mistakes} == {"refund"}
    assert other.evaluation.rows > own.evaluation.rows


def test_a_dataset_of_test_rows_alone_is_scored(workspace: Workspace) -> None:
    add([{**row, "split": "test"} for row in sample_rows(40, seed=7)], name="exam", workspace=workspace)
    report = evaluate(NAME, dataset="exam", workspace=workspace)
    assert report.evaluation.rows == 40
    assert report.scored is not None
    assert report.scored.en == "Scored on the 40 test rows of exam."
    assert [comparison.name for comparison in report.comparisons] == [MAJORITY]
    assert "Scored on the 40 test rows of exam." in report.html.read_text(encoding="utf-8")


def test_the_users_test_rows_are_scored_and_no_others(workspace: Workspace) -> None:
    rows = sample_rows(60, seed=7)
    sides = ["train"] * 30 + ["test"] * 30
    add([{**row, "split": side} for row, side in zip(rows, sides, strict=True)], name="exam", workspace=workspace)
    assert evaluate(NAME, dataset="exam", workspace=workspace).evaluation.rows == 30


def test_a_dataset_without_test_rows_is_scored_whole(workspace: Workspace) -> None:
    few = [row for row in sample_rows(40, seed=7) if splits.position(row, ["text"]) < splits.VALIDATION_END][:6]
    add(few, name="few", workspace=workspace)
    report = evaluate(NAME, dataset="few", workspace=workspace)
    assert report.evaluation.rows == 6
    assert report.scored is not None
    assert report.scored.en.startswith("Scored on all 6 labelled rows of few, none of which is a test row")
    assert "全部 6 行" in report.scored.zh
    assert "on rows the model never saw" not in report.html.read_text(encoding="utf-8")


def test_a_model_with_the_users_splits_scores_a_dataset_without_them(workspace: Workspace) -> None:
    rows = [{**row, "split": ("train", "validation", "test")[i % 3]} for i, row in enumerate(sample_rows(90, seed=3))]
    add(rows, name="sorted", workspace=workspace)
    add(sample_rows(200, seed=8), name="plain", workspace=workspace)
    version = tune("sorted", target="topic", base="ngrams", workspace=workspace)
    assert evaluate(version.label, dataset="plain", workspace=workspace).evaluation.rows == 200


def test_its_own_dataset_is_scored_on_its_test_rows_without_a_word(workspace: Workspace) -> None:
    (version,) = workspace.store.find(ModelVersion)
    by_name, by_default = (evaluate(NAME, dataset=name, workspace=workspace) for name in (version.dataset_id, None))
    assert by_name.evaluation == by_default.evaluation
    assert by_name.scored is by_default.scored is None


def test_a_dataset_without_the_columns_or_a_label_is_refused(workspace: Workspace) -> None:
    add([{"text": f"where is {i}", "other": "x"} for i in range(9)], name="foreign", workspace=workspace)
    with pytest.raises(InvalidConfig, match="topic"):
        evaluate(NAME, dataset="foreign", workspace=workspace)
    bare = [{"text": f"where is {i}", "topic": None} for i in range(9)]
    add(bare, name="bare", kinds={"text": "text", "topic": "category"}, workspace=workspace)
    with pytest.raises(UnsuitableData, match="bare"):
        evaluate(NAME, dataset="bare", workspace=workspace)


def test_a_model_beats_the_commonest_answer_on_what_it_learnt(workspace: Workspace) -> None:
    (comparison,) = evaluate(tune_again(workspace).label, workspace=workspace).comparisons
    assert comparison.won
    assert comparison.probability_better > 0.99
    assert comparison.challenger.value - comparison.champion.value == pytest.approx(comparison.difference.value)


@pytest.mark.parametrize(("version", "dataset"), [("absent", None), (f"{NAME}@7", None), (NAME, "absent")])
def test_what_is_not_there_is_said(workspace: Workspace, version: str, dataset: str | None) -> None:
    with pytest.raises(TuneworksError, match=r"absent|@7"):
        evaluate(version, dataset=dataset, workspace=workspace)
