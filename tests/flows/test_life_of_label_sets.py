"""A model that answers any number of labels, from rows to retuning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.life_of_texts import NAME, live, right, sample
from tuneworks.core.answers import LabelsAnswer
from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict
from tuneworks.flows.tune import tune

TASK = "multi-label-classification"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def test_a_model_of_label_sets_lives_from_rows_to_retuning(workspace: Workspace) -> None:
    life = live(workspace, TASK, "topics")
    assert life.version.scores["micro_f1"].low > 0.8
    assert right(life, lambda answer: sorted(answer.labels), "topics") > 0.8
    assert all(told.value == row["topics"] for told, row in zip(life.told, life.asked, strict=True))
    assert {told.error for told in life.told} <= {0.0, 1.0}


def test_labels_in_cells_of_a_table_are_learnt_like_lists(workspace: Workspace, tmp_path: Path) -> None:
    learnt, _, _ = sample(TASK)
    lines = ["text,topics", *(f'"{row["text"]}",{"; ".join(row["topics"]) or "[]"}' for row in learnt)]
    path = tmp_path / "cells.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    cells = add(path, kinds={"topics": "labels"}, workspace=workspace)
    assert cells.id == add(learnt, name=NAME, workspace=workspace).id


def test_one_label_a_cell_is_a_category_until_it_is_said_to_be_a_list(workspace: Workspace) -> None:
    rows = [{"text": f"text number {i} of many", "topics": "loans;cards" if i % 2 else "loans"} for i in range(60)]
    add(rows, name=NAME, workspace=workspace)
    with pytest.raises(InvalidConfig) as caught:
        tune(NAME, task=TASK, target="topics", base="ngrams", workspace=workspace)
    assert "--kind topics=labels" in caught.value.fix.en
    add(rows, name=NAME, kinds={"topics": "labels"}, workspace=workspace)
    assert tune(NAME, base="ngrams", workspace=workspace).spec.labels == ("cards", "loans")


def test_a_lower_threshold_answers_with_more_labels(workspace: Workspace) -> None:
    learnt, asked, _ = sample(TASK)
    add(learnt, name=NAME, workspace=workspace)
    low, high = (
        tune(NAME, base="ngrams", settings={"spec.options.threshold": threshold}, workspace=workspace)
        for threshold in (0.05, 0.95)
    )
    for row in asked:
        few, many = (predict(v.label, [{"text": row["text"]}], workspace=workspace)[0].answer for v in (high, low))
        assert isinstance(few, LabelsAnswer)
        assert isinstance(many, LabelsAnswer)
        assert set(few.labels) <= set(many.labels)
        assert few.scores == pytest.approx(many.scores, abs=1e-5)
    with pytest.raises(InvalidConfig, match="threshold"):
        tune(NAME, base="ngrams", settings={"spec.options.threshold": 1}, workspace=workspace)


def test_truth_is_a_list_and_news_in_it_are_told(workspace: Workspace) -> None:
    add(sample(TASK)[0], name=NAME, workspace=workspace)
    tune(NAME, base="ngrams", workspace=workspace)
    deploy(NAME, workspace=workspace)
    made = predict(NAME, [{"text": "hello, i paid twice"}], workspace=workspace)[0]
    for wrong in ("payment", 3, [["payment"]], [""]):
        with pytest.raises(InvalidInput):
            feedback(made.id, value=wrong, workspace=workspace)
    none = feedback(made.id, value=[], workspace=workspace)
    assert (none.value, none.note) == ([], None)
    told = feedback(made.id, value=["refund", "payment", "payment"], workspace=workspace)
    assert told.value == ["payment", "refund"]
    assert told.note is not None
    assert "'refund'" in told.note.en


def test_the_report_shows_lists_of_labels(workspace: Workspace) -> None:
    learnt, _, _ = sample(TASK)
    for number, row in enumerate(learnt):
        if number % 7 == 0:
            row["topics"] = ["delivery", "quality"]
    add(learnt, name=NAME, workspace=workspace)
    report = evaluate(tune(NAME, base="ngrams", workspace=workspace).label, workspace=workspace)
    assert report.evaluation.mistakes
    assert "delivery; quality" in report.html.read_text(encoding="utf-8")


def test_rows_without_any_label_are_refused(workspace: Workspace) -> None:
    add(
        [{"text": f"text {i}", "topics": []} for i in range(50)],
        name=NAME,
        kinds={"topics": "labels"},
        workspace=workspace,
    )
    with pytest.raises(UnsuitableData):
        tune(NAME, base="ngrams", workspace=workspace)
