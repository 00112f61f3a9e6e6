"""A model of relations between two mentions, from rows to retuning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.life_of_texts import NAME, live, right, sample
from tuneworks.core.answers import ClassAnswer
from tuneworks.core.errors import InvalidInput
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.predict import predict
from tuneworks.flows.tune import tune

TASK = "relation-extraction"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def label_of(workspace: Workspace, version: str, **row: str) -> str:
    answer = predict(version, [row], workspace=workspace)[0].answer
    assert isinstance(answer, ClassAnswer)
    return answer.label


def test_a_model_of_relations_lives_from_rows_to_retuning(workspace: Workspace) -> None:
    life = live(workspace, TASK, "relation")
    assert life.version.spec.metric == "relation_macro_f1"
    assert life.version.spec.options == {"absence": "unknown"}
    assert life.version.scores["relation_macro_f1"].low > 0.8
    assert right(life, lambda answer: answer.label, "relation") > 0.8


def test_who_is_head_and_who_is_tail_makes_the_answer(workspace: Workspace) -> None:
    names = ("Alpha", "Borealis", "Cedar", "Dynamo", "Eagle", "Fjord")
    rows = [
        {"text": f"{a} took over {b} in {year}", "head": head, "tail": tail, "relation": relation}
        for a in names
        for b in names
        if a != b
        for year in (2001, 2014)
        for head, tail, relation in ((a, b, "buys"), (b, a, "is bought by"))
    ]
    add(rows, name=NAME, workspace=workspace)
    version = tune(NAME, target="relation", base="ngrams", workspace=workspace).label
    text = "Zephyr took over Quartz in 2020"
    assert label_of(workspace, version, text=text, head="Zephyr", tail="Quartz") == "buys"
    assert label_of(workspace, version, text=text, head="Quartz", tail="Zephyr") == "is bought by"


def test_marks_in_the_text_say_the_same_as_columns(workspace: Workspace) -> None:
    learnt, asked, _ = sample(TASK)

    def marked(row: dict[str, str]) -> dict[str, str]:
        text = (
            row["text"].replace(row["head"], f"<e1>{row['head']}</e1>").replace(row["tail"], f"<e2>{row['tail']}</e2>")
        )
        return {"text": text, "relation": row["relation"]}

    add(learnt, name="columns", workspace=workspace)
    add([marked(row) for row in learnt], name="marks", workspace=workspace)
    settings = {"spec.split": "content"}
    by_columns = tune("columns", target="relation", base="ngrams", settings=settings, workspace=workspace).label
    by_marks = tune("marks", task=TASK, target="relation", base="ngrams", settings=settings, workspace=workspace).label
    for row in asked:
        told = {column: row[column] for column in ("text", "head", "tail")}
        said = label_of(workspace, by_marks, text=marked(row)["text"])
        assert said == label_of(workspace, by_columns, **told) == row["relation"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"text": "Alpha took over Cedar", "head": "Alpha", "tail": "Zinc"}, "Row 1: the tail 'Zinc' does not stand"),
        ({"text": "Alpha took over Cedar", "head": "", "tail": "Cedar"}, "Row 1: the head '' does not stand"),
        ({"text": "Alpha took over Cedar", "head": "Alpha"}, "no value in the column 'tail'"),
    ],
)
def test_a_mention_that_is_not_in_the_text_is_named(workspace: Workspace, sent: dict[str, str], said: str) -> None:
    add(sample(TASK)[0], name=NAME, workspace=workspace)
    version = tune(NAME, target="relation", base="ngrams", workspace=workspace).label
    with pytest.raises(InvalidInput) as caught:
        predict(version, [sent], workspace=workspace)
    assert said in caught.value.problem.en


def test_a_row_that_cannot_be_learnt_from_is_named_before_any_work(workspace: Workspace) -> None:
    learnt, _, _ = sample(TASK)
    learnt[6]["tail"] = "Nobody"
    add(learnt, name=NAME, workspace=workspace)
    with pytest.raises(InvalidInput, match="Row 7: the tail 'Nobody'"):
        tune(NAME, target="relation", base="ngrams", workspace=workspace)
    add([{"text": row["text"], "relation": row["relation"]} for row in learnt], name="bare", workspace=workspace)
    with pytest.raises(InvalidInput, match="Row 1: the text does not mark two stretches"):
        tune("bare", task=TASK, target="relation", base="ngrams", workspace=workspace)
