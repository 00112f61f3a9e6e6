"""Explaining answers: of rows and of logged predictions, by the version that gave them, in a page of both languages."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tuneworks.core.answers import (
    ClassAnswer,
    NumberAnswer,
    PassageAnswer,
    SimilarityAnswer,
    Span,
    SpansAnswer,
    TextAnswer,
)
from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.explaining import Attribution, Explanation, Neighbour
from tuneworks.core.text import Text
from tuneworks.core.types import Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.deploy import deploy
from tuneworks.flows.explain import explain
from tuneworks.flows.explain_file import explain_file, write_explanations
from tuneworks.flows.predict import predict
from tuneworks.flows.references import dataset_of
from tuneworks.flows.rows import read_rows
from tuneworks.reports.explanations import render_explanations
from tuneworks.testing.workspaces import NAME, deployed_workspace, tune_again

ROW = {"text": "my parcel is <b>late</b>"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    made = deployed_workspace(tmp_path_factory.mktemp("explain") / ".tuneworks", rows=200)
    yield made
    made.close()


def test_of_two_labels_the_parts_add_up_to_the_log_odds_of_the_answer(workspace: Workspace) -> None:
    (told,) = explain(NAME, [ROW], workspace=workspace)
    assert isinstance(told.answer, ClassAnswer)
    assert (told.explainer, told.label, told.attribution.exact) == ("exact", told.answer.label, True)
    odds = math.log(told.answer.score / (1 - told.answer.score))
    assert told.attribution.without + sum(part.weight for part in told.attribution.parts) == pytest.approx(
        odds, abs=1e-3
    )


def test_nothing_is_logged(workspace: Workspace) -> None:
    before = len(workspace.store.find(Prediction))
    explain(NAME, [ROW], workspace=workspace)
    assert len(workspace.store.find(Prediction)) == before


def test_a_training_row_is_nearest_to_itself_by_its_number_in_the_dataset(workspace: Workspace) -> None:
    rows = read_rows(workspace, dataset_of(workspace, NAME))
    for told in explain(NAME, rows[:30], explainer="nearest", workspace=workspace):
        first = told.attribution.neighbours[0]
        assert first.row is not None
        assert rows[first.row - 1] == {**first.inputs, "topic": first.truth}
        if first.similarity > 0.9999:
            assert first.inputs == told.inputs
    similar = [
        one.attribution.neighbours[0].similarity
        for one in explain(NAME, rows, explainer="nearest", workspace=workspace)
    ]
    assert sum(one > 0.9999 for one in similar) > len(rows) / 2


def test_a_logged_prediction_is_explained_by_the_version_that_gave_it(workspace: Workspace) -> None:
    given = predict(NAME, [ROW], workspace=workspace)[0]
    again = tune_again(workspace)
    deploy(again.label, name=NAME, workspace=workspace)
    (told,) = explain(NAME, prediction=given.id, workspace=workspace)
    assert (told.version, told.prediction, told.inputs, told.answer) == (f"{NAME}@1", given.id, ROW, given.answer)
    assert explain(NAME, [ROW], workspace=workspace)[0].version == again.label


def test_wrong_questions_are_told_so(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="no logged prediction 'pred-0'"):
        explain(NAME, prediction="pred-0", workspace=workspace)
    with pytest.raises(InvalidInput, match="Rows and a prediction's id"):
        explain(NAME, [ROW], prediction="pred-0", workspace=workspace)
    with pytest.raises(InvalidInput, match="'class-activation' cannot explain"):
        explain(NAME, [ROW], explainer="class-activation", workspace=workspace)
    with pytest.raises(InvalidInput, match="no value in the column 'text'"):
        explain(NAME, [{"txt": "x"}], workspace=workspace)
    assert explain(NAME, [], workspace=workspace) == []


def test_an_empty_text_has_no_parts_and_an_answer(workspace: Workspace) -> None:
    (told,) = explain(NAME, [{"text": ""}], workspace=workspace)
    assert told.attribution.parts == ()
    assert told.attribution.total == pytest.approx(told.attribution.without)


def test_the_page_speaks_both_languages_and_escapes_what_was_sent(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text\nmy parcel is <b>late</b>\n重复扣款了\n", encoding="utf-8")
    told = [
        *explain_file(NAME, tmp_path / "rows.csv", workspace=workspace),
        *explain(NAME, [ROW], explainer="nearest", workspace=workspace),
    ]
    page = write_explanations(workspace, told).read_text(encoding="utf-8")
    assert len(told) == 3
    assert "<b>" not in page
    assert "&lt;" in page
    for text in ("speaks for the answer", "支持该答案", "similarity", "相似度", "log-odds", "对数几率"):
        assert text in page
    assert write_explanations(workspace, told).read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (NumberAnswer(112.5), "112.5"),
        (SimilarityAnswer(0.25), "0.25"),
        (SpansAnswer((Span(0, 4, "WHO", "Anna"),)), "<mark>Anna"),
        (PassageAnswer("Anna", 0, 4, 0.5), "Anna</mark>"),
        (TextAnswer("a parcel", 0.5), "a parcel"),
    ],
)
def test_answers_of_other_kinds_stand_on_the_page_too(answer: Any, told: str) -> None:
    attribution = Attribution(Text("value", "数值"), neighbours=(Neighbour(3, 0.5, {"text": "Bob"}, "x"),))
    page = render_explanations([Explanation("m@1", {"text": "Anna"}, answer, "nearest", Text("a", "一"), attribution)])
    assert told in page
    assert "Answer(" not in page
