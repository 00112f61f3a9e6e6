"""What a user's words refer to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tuneworks.core.errors import NotFound
from tuneworks.core.text import language
from tuneworks.core.types import DatasetName, Deployment, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import dataset_of, deployment_of, version_of
from tuneworks.testing.stores import MADE, a_dataset, a_version

FIRST, SECOND = "a1b2c3d4" + "0" * 56, "a1b2c3d4" + "1" * 56


@pytest.fixture
def workspace(tmp_path: Path):
    with Workspace.open(tmp_path / "ws") as workspace:
        workspace.store.put(
            a_dataset(FIRST),
            a_dataset(SECOND),
            DatasetName("tickets", SECOND, MADE),
            a_version("version-1", 1),
            a_version("version-2", 2),
            replace(a_version("version-10", 10), name="tickets"),
            Deployment("tickets", Served("version-2", "arrays")),
        )
        yield workspace


@pytest.mark.parametrize("reference", ["tickets", SECOND, "a1b2c3d41", "a1b2c3d4111111"])
def test_a_dataset_is_meant_by_name_or_by_the_beginning_of_its_id(workspace: Workspace, reference: str) -> None:
    assert dataset_of(workspace, reference).id == SECOND


@pytest.mark.parametrize(
    ("reference", "number"),
    [("tickets", 10), ("tickets@1", 1), ("tickets@02", 2), ("tickets@champion", 2), ("version-10", 10)],
)
def test_a_version_is_meant_by_number_role_name_or_id(workspace: Workspace, reference: str, number: int) -> None:
    assert version_of(workspace, reference).number == number


def test_an_id_that_fits_two_datasets_asks_for_more_digits(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="fits 2 datasets") as caught:
        dataset_of(workspace, "a1b2c3d4")
    assert FIRST[:16] in caught.value.fix.en
    assert SECOND[:16] in caught.value.fix.zh


@pytest.mark.parametrize("find", [dataset_of, version_of, deployment_of])
def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(workspace: Workspace, find) -> None:
    with pytest.raises(NotFound) as caught:
        find(workspace, "tikcets")
    with language("zh"):
        assert "tikcets" in str(caught.value)
        assert "您是否想用：tickets" in str(caught.value)


@pytest.mark.parametrize(
    "reference", ["tickets@99", "tickets@", "tickets@-1", "@1", "tickets@٣", "tickets@1e1", "tickets@best"]
)
def test_a_version_that_is_not_there_is_never_another(workspace: Workspace, reference: str) -> None:
    with pytest.raises(NotFound):
        version_of(workspace, reference)


@pytest.mark.parametrize("reference", ["", "a1b2", "%", "a1b2c3d4%", "../tickets"])
def test_half_a_reference_leads_nowhere(workspace: Workspace, reference: str) -> None:
    with pytest.raises(NotFound):
        dataset_of(workspace, reference)


def test_an_empty_workspace_says_that_it_is_empty(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "empty") as workspace:
        for find in (dataset_of, version_of, deployment_of):
            with pytest.raises(NotFound) as caught:
                find(workspace, "tickets")
            assert "yet" in caught.value.fix.en
            assert "还没有" in caught.value.fix.zh
