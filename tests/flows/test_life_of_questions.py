"""A model that answers questions about texts: from rows to retuning, with questions the text does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tuneworks.core import registry
from tuneworks.core.answers import PassageAnswer
from tuneworks.core.errors import InvalidInput
from tuneworks.core.types import Column, ModelVersion, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import check
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict
from tuneworks.flows.retune import retune
from tuneworks.flows.rows import read_rows
from tuneworks.flows.tune import tune
from tuneworks.flows.watch import watch
from tuneworks.serving.engine import engine_of
from tuneworks.statistics.splits import assign

TASK, NAME, ROWS, ASKED = "question-answering", "faq", 200, 40
CONTEXT = "Anna lives in Paris. Bob lives in Rome. Note 7."


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def rows_of() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows to learn from, and later ones."""
    made = [dict(row) for row in registry.load("tasks", TASK)().sample(ROWS + ASKED, 0)[1]]
    return made[:ROWS], made[ROWS:]


def tuned(workspace: Workspace) -> ModelVersion:
    add(rows_of()[0], name=NAME, workspace=workspace)
    return tune(NAME, base="ngrams", method="head", workspace=workspace)


def asked(version: str, question: str, workspace: Workspace, context: str = CONTEXT) -> PassageAnswer:
    (made,) = predict(version, [{"question": question, "context": context}], workspace=workspace)
    assert isinstance(made.answer, PassageAnswer)
    return made.answer


def test_a_reader_lives_from_rows_to_retuning(workspace: Workspace) -> None:
    version = tuned(workspace)
    assert (version.spec.task, version.spec.split) == (TASK, "group(context)")
    assert [one for one in check(NAME, workspace=workspace).findings if one.severity == "error"] == []
    assert version.scores["answer_f1"].low > 0.8
    assert evaluate(version.label, workspace=workspace).evaluation.scores == version.scores
    deployment = deploy(NAME, workspace=workspace)
    _, later = rows_of()
    sent = [{column: row[column] for column in ("question", "context")} for row in later]
    predictions = predict(NAME, sent, workspace=workspace)
    assert engine_of(workspace).answer(deployment.champion, sent)[1] == [made.answer for made in predictions]
    told = [
        feedback(made.id, value=row["answers"], workspace=workspace)
        for made, row in zip(predictions, later, strict=True)
    ]
    assert sum(one.error or 0 for one in told) < 0.2 * ASKED
    signals = {signal.detector for signal in watch(NAME, workspace=workspace)}
    assert {"input-shift", "prediction-shift", "realised-performance"} <= signals
    outcome = retune(NAME, workspace=workspace)
    rows = read_rows(workspace, outcome.dataset)
    assert len(rows) == len({(row["question"], row["context"]) for row in rows_of()[0] + later})
    assert outcome.version.dataset_id == outcome.dataset.id


def test_an_answer_stands_in_the_text_where_it_says_and_none_is_none(workspace: Workspace) -> None:
    version = tuned(workspace).label
    found = asked(version, "Where does Bob live?", workspace)
    assert (found.text, CONTEXT[found.start : found.end]) == ("Rome", "Rome")
    assert asked(version, "Where does Chen live?", workspace).text is None
    assert asked(version, "Where does Bob live?", workspace, context="").text is None


def test_truth_is_words_a_place_or_none(workspace: Workspace) -> None:
    tuned(workspace)
    deploy(NAME, workspace=workspace)
    (made,) = predict(NAME, [{"question": "Where does Bob live?", "context": CONTEXT}], workspace=workspace)
    at = CONTEXT.index("Rome")
    for said in ("Rome", {"start": at, "end": at + 4}, {"text": ["Rome"], "answer_start": [at]}, ["Rome", "in Rome"]):
        assert feedback(made.id, value=said, workspace=workspace).correct
    assert feedback(made.id, value="Paris", workspace=workspace).correct is False
    assert feedback(made.id, value=[], workspace=workspace).correct is False


@pytest.mark.parametrize("wrong", ["Oslo", {"start": 3, "end": 3}, {"start": 0, "end": 9999}, 7, ["Rome", 7], {"a": 1}])
def test_truth_that_is_not_in_the_text_is_refused(workspace: Workspace, wrong: Any) -> None:
    tuned(workspace)
    deploy(NAME, workspace=workspace)
    (made,) = predict(NAME, [{"question": "Where does Bob live?", "context": CONTEXT}], workspace=workspace)
    with pytest.raises(InvalidInput, match="must be a stretch of the text"):
        feedback(made.id, value=wrong, workspace=workspace)


def test_answers_written_in_any_form_are_the_same_task(workspace: Workspace) -> None:
    scores = []
    for form in ("spans", "squad", "words"):
        learnt = [{**row, "answers": written(row, form)} for row in rows_of()[0]]
        add(learnt, name=form, workspace=workspace)
        version = tune(form, task=TASK, base="ngrams", method="head", workspace=workspace)
        scores.append(version.scores["answer_f1"])
    assert scores[0] == scores[1] == scores[2]


def written(row: dict[str, Any], form: str) -> Any:
    """A sample row's answer as spans, as SQuAD has it, or as its words (``[]`` for none)."""
    places = [(span["start"], span["end"]) for span in row["answers"]]
    texts = [row["context"][start:end] for start, end in places]
    squad = {"text": texts, "answer_start": [start for start, _ in places]}
    return {"spans": row["answers"], "squad": squad, "words": (*texts, "[]")[0]}[form]


def test_questions_on_one_text_never_change_sides() -> None:
    task = registry.load("tasks", TASK)()

    columns = [Column("question", "text"), Column("context", "text"), Column("answers", "spans")]
    rows = [
        {"question": f"Who is {n}?", "context": f"Text {text}", "answers": []} for text in range(40) for n in range(5)
    ]
    sides = assign(rows, task.complete(TaskSpec(), columns, rows))
    assert set(sides) == {"train", "validation", "test"}
    assert all(len(set(sides[first : first + 5])) == 1 for first in range(0, len(rows), 5))
