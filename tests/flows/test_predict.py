"""Predicting from the library: order kept, keys kept, logged once, and only what the model needs is logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.types import Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.lineage import lineage_of
from tuneworks.flows.predict import predict
from tuneworks.testing.workspaces import NAME, deployed_workspace, sample_rows

ROWS = [{"text": row["text"]} for row in sample_rows(300, seed=9)]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with deployed_workspace(tmp_path_factory.mktemp("predict") / ".tuneworks", rows=200) as opened:
        yield opened


def test_every_row_has_its_answer_in_order_and_in_the_log(workspace: Workspace) -> None:
    made = predict(NAME, ROWS, keys=[str(number) for number in range(len(ROWS))], workspace=workspace)
    assert [(prediction.inputs, prediction.key) for prediction in made] == [
        (row, str(number)) for number, row in enumerate(ROWS)
    ]
    assert workspace.store.find(Prediction, deployment=NAME, newest_first=True, limit=len(ROWS))[::-1] == made
    assert all(prediction.milliseconds > 0 for prediction in made)


@pytest.mark.parametrize(("reference", "log"), [(f"{NAME}@1", True), (f"{NAME}@champion", True), (NAME, False)])
def test_what_need_not_be_logged_is_not(workspace: Workspace, reference: str, log: bool) -> None:
    before = len(workspace.store.find(Prediction))
    assert predict(reference, ROWS[:3], log=log, workspace=workspace)
    assert len(workspace.store.find(Prediction)) == before


def test_a_row_that_cannot_be_read_logs_nothing_of_its_call(workspace: Workspace) -> None:
    before = len(workspace.store.find(Prediction))
    with pytest.raises(InvalidInput, match="Row 4"):
        predict(NAME, [*ROWS[:3], {"text": None}], workspace=workspace)
    assert len(workspace.store.find(Prediction)) == before


def test_the_rows_given_are_left_as_they_are_and_only_the_inputs_are_kept(workspace: Workspace) -> None:
    row = {"text": "i paid twice", "topic": "delivery", "phone": "555-0100"}
    made = predict(NAME, [row], workspace=workspace)[0]
    assert made.inputs == {"text": "i paid twice"}
    assert row == {"text": "i paid twice", "topic": "delivery", "phone": "555-0100"}


def test_no_rows_give_no_predictions(workspace: Workspace) -> None:
    assert predict(NAME, [], workspace=workspace) == []


@pytest.mark.parametrize("keys", [["a"], ["a", ""], ["a", 3], ["a", "\ud83d"]])
def test_keys_that_name_no_row_are_refused(workspace: Workspace, keys: Any) -> None:
    with pytest.raises(InvalidInput):
        predict(NAME, ROWS[:2], keys=keys, workspace=workspace)


def test_a_prediction_nobody_made_has_no_lineage(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        lineage_of("pred-0", workspace=workspace)
    with pytest.raises(NotFound):
        predict("unknown", ROWS[:1], workspace=workspace)
