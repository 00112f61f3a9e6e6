"""Two versions meet on the same rows; not knowing a label costs what it should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.core.errors import InvalidInput, TuneworksError
from tuneworks.core.types import ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.compare import compare
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.tune import tune
from tuneworks.testing.workspaces import NAME, sample_rows, tune_again, tuned_workspace

REFUNDS = [{"text": f"please give me my money back for order {i}", "topic": "refund"} for i in range(150)]


@pytest.fixture
def workspace(tmp_path: Path):
    with tuned_workspace(tmp_path / ".tuneworks", rows=300) as opened:
        yield opened


def grown(workspace: Workspace) -> ModelVersion:
    """A second version that learnt a label the first does not know."""
    add([*sample_rows(300), *REFUNDS], name=NAME, workspace=workspace)
    return tune_again(workspace)


def test_a_version_is_as_good_as_itself(workspace: Workspace) -> None:
    comparisons = compare(f"{NAME}@1", f"{NAME}@1", workspace=workspace)
    assert comparisons[0].metric == "accuracy"
    for comparison in comparisons:
        assert comparison.champion == comparison.challenger
        assert (comparison.difference.value, comparison.probability_better, comparison.won) == (0, 0.5, False)


def test_labels_the_champion_does_not_know_count_as_its_errors(workspace: Workspace) -> None:
    challenger = grown(workspace)
    deciding = compare(f"{NAME}@1", challenger.label, workspace=workspace)[0]
    report = evaluate(challenger.label, workspace=workspace)
    assert challenger.spec.labels == ("delivery", "payment", "refund")
    assert deciding.rows == report.evaluation.rows
    assert deciding.challenger == report.evaluation.scores["accuracy"]
    refunds = sum(matrix_row for matrix_row in report.evaluation.matrices[0].counts[2])
    assert refunds > 0
    assert deciding.champion.value <= 1 - refunds / deciding.rows + 1e-9
    assert deciding.won


def test_turned_round_the_difference_has_the_other_sign(workspace: Workspace) -> None:
    challenger, id = grown(workspace).label, workspace.store.find(ModelVersion)[-1].dataset_id
    ahead = {c.metric: c for c in compare(f"{NAME}@1", challenger, dataset=id, workspace=workspace)}
    back = {c.metric: c for c in compare(challenger, f"{NAME}@1", dataset=id, workspace=workspace)}
    assert ahead["accuracy"].difference.value == pytest.approx(-back["accuracy"].difference.value)
    assert ahead["accuracy"].rows == back["accuracy"].rows
    assert ahead["accuracy"].probability_better == pytest.approx(1 - back["accuracy"].probability_better)
    assert not back["accuracy"].won


def scorings(workspace: Workspace, folder: str) -> int:
    return len(json.loads((workspace.reports / folder / "report.json").read_text(encoding="utf-8"))["test_scored"])


def test_the_report_counts_what_a_comparison_scored(workspace: Workspace) -> None:
    challenger = grown(workspace)
    on_its_rows = f"{NAME}@1/on-{challenger.dataset_id[:12]}"
    report = workspace.reports / challenger.label / "report.html"
    before = report.read_text(encoding="utf-8")
    compare(f"{NAME}@1", challenger.label, workspace=workspace)
    assert scorings(workspace, challenger.label) == 2
    assert scorings(workspace, on_its_rows) == 1
    assert scorings(workspace, f"{NAME}@1") == 1
    assert report.read_text(encoding="utf-8") == before.replace(">once<", ">2 times<").replace(">1 次<", ">2 次<")
    evaluate(f"{NAME}@1", dataset=challenger.dataset_id, workspace=workspace)
    assert scorings(workspace, on_its_rows) == 2


def test_labels_in_another_order_change_nothing(workspace: Workspace) -> None:
    settings = {"spec.labels": ["payment", "delivery"]}
    turned = tune(NAME, base="ngrams", name="turned", settings=settings, workspace=workspace)
    assert turned.spec.labels == ("payment", "delivery")
    deciding = compare(f"{NAME}@1", turned.label, workspace=workspace)[0]
    assert deciding.difference.value == pytest.approx(0, abs=0.05)
    assert deciding.champion.value > 0.9


def test_taggers_are_compared_on_spans_whatever_types_they_know(workspace: Workspace) -> None:
    columns, rows = registry.load("tasks", "token-classification")().sample(300, 0)
    kinds = {column.name: column.kind for column in columns}
    narrow = [{**row, "spans": [span for span in row["spans"] if span["label"] == "PERSON"]} for row in rows]
    add(narrow, name="people", kinds=kinds, workspace=workspace)
    first = tune("people", base="ngrams", workspace=workspace)
    add(rows, name="people", kinds=kinds, workspace=workspace)
    second = tune("people", base="ngrams", workspace=workspace)
    deciding = compare(first.label, second.label, workspace=workspace)[0]
    assert (first.spec.labels, second.spec.labels) == (("PERSON",), ("PERSON", "PLACE"))
    assert deciding.metric == "span_f1"
    assert deciding.champion.value == pytest.approx(2 / 3, abs=0.03)
    assert deciding.won


def test_versions_that_read_other_columns_are_not_compared(workspace: Workspace) -> None:
    letters = [{"body": row["text"], "topic": row["topic"]} for row in sample_rows(200, seed=2)]
    add(letters, name="letters", kinds={"body": "text", "topic": "category"}, workspace=workspace)
    other = tune("letters", target="topic", base="ngrams", workspace=workspace)
    for pair in ((f"{NAME}@1", other.label), (other.label, f"{NAME}@1")):
        with pytest.raises(InvalidInput, match="same question"):
            compare(*pair, workspace=workspace)


@pytest.mark.parametrize("pair", [("absent", NAME), (NAME, f"{NAME}@9")])
def test_what_is_not_there_is_said(workspace: Workspace, pair: tuple[str, str]) -> None:
    with pytest.raises(TuneworksError, match=r"absent|@9"):
        compare(*pair, workspace=workspace)
