"""Explanations over HTTP are the library's, and show nothing of the training rows but their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuneworks.client import Client
from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.workspace import Workspace
from tuneworks.flows.explain import explain
from tuneworks.testing.workspaces import NAME

ROWS = [{"text": "my parcel is late"}, {"text": "重复扣款了"}]


def test_what_is_told_over_http_is_what_the_library_tells(client: Client, served_folder: Path) -> None:
    with Workspace.open(served_folder) as workspace:
        assert client.explain(NAME, ROWS) == explain(NAME, ROWS, workspace=workspace)


def test_a_prediction_is_explained_by_its_id(client: Client) -> None:
    given = client.predict(NAME, ROWS[:1])[0]
    (told,) = client.explain(NAME, prediction=given.id)
    assert (told.prediction, told.answer, told.inputs) == (given.id, given.answer, ROWS[0])


def test_nearest_rows_come_by_their_numbers_alone(client: Client) -> None:
    near = client.explain(NAME, ROWS[:1], explainer="nearest")[0].attribution.neighbours
    assert all(one.row and one.similarity > 0 and one.inputs == {} for one in near)
    assert len(near) == 5


def test_what_cannot_be_explained_is_refused(client: Client) -> None:
    with pytest.raises(InvalidInput, match='one of "prediction", "row" and "rows"'):
        client.explain(NAME, ROWS * 9)
    with pytest.raises(InvalidInput, match='one of "prediction", "row" and "rows"'):
        client.explain(NAME, ROWS, prediction="pred-1")
    with pytest.raises(NotFound, match="no logged prediction"):
        client.explain(NAME, prediction="pred-1")
    with pytest.raises(NotFound):
        client.explain("nobody", ROWS)
