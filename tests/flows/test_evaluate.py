"""An evaluation says the same twice, of any dataset, beside what the model must beat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import tiny_encoder
from tuneworks.core.errors import TuneworksError
from tuneworks.core.types import Event, ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.baselines import BEFORE, MAJORITY, NGRAMS
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.tune import tune
from tuneworks.testing.workspaces import NAME, sample_rows, tune_again, tuned_workspace


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


def test_a_model_beats_the_commonest_answer_on_what_it_learnt(workspace: Workspace) -> None:
    (comparison,) = evaluate(tune_again(workspace).label, workspace=workspace).comparisons
    assert comparison.won
    assert comparison.probability_better > 0.99
    assert comparison.challenger.value - comparison.champion.value == pytest.approx(comparison.difference.value)


@pytest.mark.parametrize(("version", "dataset"), [("absent", None), (f"{NAME}@7", None), (NAME, "absent")])
def test_what_is_not_there_is_said(workspace: Workspace, version: str, dataset: str | None) -> None:
    with pytest.raises(TuneworksError, match=r"absent|@7"):
        evaluate(version, dataset=dataset, workspace=workspace)
