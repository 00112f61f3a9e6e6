"""Deploying, promoting, rolling back: one atomic move each, nothing moves where something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tuneworks.core.errors import BrokenSeal, Conflict, InvalidConfig, InvalidInput, NotFound
from tuneworks.core.types import Deployment
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.predict import predict
from tuneworks.flows.promote import promote
from tuneworks.flows.rollback import rollback
from tuneworks.flows.tune import tune
from tuneworks.testing.workspaces import NAME, deployed_workspace, sample_rows, tune_again


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with deployed_workspace(tmp_path / ".tuneworks", rows=200) as opened:
        yield opened


def champion(workspace: Workspace) -> str:
    """The label of the version that answers now."""
    return predict(f"{NAME}@champion", [{"text": "a"}], workspace=workspace)[0].version_id


def test_a_deployment_is_named_after_its_model_and_runs_without_torch(workspace: Workspace) -> None:
    deployment = workspace.store.get(Deployment, NAME)
    assert deployment is not None
    assert deployment.champion.runtime == "arrays"
    assert deployment.previous == ()


def test_the_old_champion_is_kept_and_comes_back(workspace: Workspace) -> None:
    first, second = champion(workspace), tune_again(workspace)
    third = tune_again(workspace)
    assert [served.version_id for served in promote(NAME, second.label, workspace=workspace).previous] == [first]
    assert len(deploy(third.label, workspace=workspace).previous) == 2
    assert rollback(NAME, workspace=workspace).champion.version_id == second.id
    assert rollback(NAME, workspace=workspace).champion.version_id == first
    with pytest.raises(InvalidInput, match="nothing to go back to"):
        rollback(NAME, workspace=workspace)
    assert champion(workspace) == first


def test_deploying_what_is_served_already_changes_nothing(workspace: Workspace) -> None:
    before = workspace.store.get(Deployment, NAME)
    assert deploy(f"{NAME}@1", workspace=workspace) == before
    assert workspace.store.get(Deployment, NAME) == before


def test_one_version_may_serve_under_several_names(workspace: Workspace) -> None:
    deploy(NAME, name="beside", workspace=workspace)
    assert predict("beside", [{"text": "a"}], workspace=workspace)[0].deployment == "beside"


@pytest.mark.parametrize("name", ["a/b", "../up", "two words", "a@3"])
def test_a_deployment_has_a_name_that_an_address_can_hold(workspace: Workspace, name: str) -> None:
    with pytest.raises(InvalidConfig, match="cannot be the name of a deployment"):
        deploy(NAME, name=name, workspace=workspace)
    assert workspace.store.get(Deployment, name) is None


@pytest.mark.parametrize("move", [deploy, lambda version, workspace: promote(NAME, version, workspace=workspace)])
def test_a_broken_model_never_becomes_champion(workspace: Workspace, move) -> None:
    before = workspace.store.get(Deployment, NAME)
    second = tune_again(workspace)
    head = workspace.models / second.label / "head.safetensors"
    predict(second.label, [{"text": "a"}], workspace=workspace)
    head.write_bytes(head.read_bytes() + b"x")
    with pytest.raises(BrokenSeal):
        move(second.label, workspace=workspace)
    assert workspace.store.get(Deployment, NAME) == before


def test_a_broken_previous_model_is_not_rolled_back_to(workspace: Workspace) -> None:
    second = tune_again(workspace)
    promote(NAME, second.label, workspace=workspace)
    (workspace.models / f"{NAME}@1" / "ngrams.json").write_text("{}")
    with pytest.raises(BrokenSeal):
        rollback(NAME, workspace=workspace)
    assert champion(workspace) == second.id


def test_moves_at_the_same_time_are_all_kept_or_refused_never_lost(workspace: Workspace) -> None:
    versions = [tune_again(workspace) for _ in range(4)]

    def move(label: str) -> bool:
        try:
            promote(NAME, label, workspace=workspace)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        moved = list(threads.map(move, [version.label for version in versions]))
    deployment = workspace.store.get(Deployment, NAME)
    assert deployment is not None
    assert len(deployment.previous) == sum(moved) >= 1
    served = [deployment.champion, *deployment.previous]
    assert len({one.version_id for one in served}) == len(served)


def test_a_version_that_answers_another_question_is_not_promoted(workspace: Workspace) -> None:
    rows = [{"body": row["text"], "topic": row["topic"]} for row in sample_rows(200, seed=2)]
    add(rows, name="letters", kinds={"body": "text", "topic": "category"}, workspace=workspace)
    other = tune("letters", target="topic", base="ngrams", workspace=workspace)
    with pytest.raises(InvalidInput, match="same question"):
        promote(NAME, other.label, workspace=workspace)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda w: deploy("unknown", workspace=w), NotFound),
        (lambda w: deploy(f"{NAME}@9", workspace=w), NotFound),
        (lambda w: deploy(NAME, runtime="steam", workspace=w), InvalidConfig),
        (lambda w: promote("unknown", f"{NAME}@1", workspace=w), NotFound),
        (lambda w: rollback("unknown", workspace=w), NotFound),
    ],
)
def test_names_that_lead_nowhere_are_said_to(workspace: Workspace, call, error: type[Exception]) -> None:
    with pytest.raises(error):
        call(workspace)
