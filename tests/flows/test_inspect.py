"""List, show and delete: what is in use cannot go, what goes takes only its own files with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tuneworks.core.errors import Conflict, NotFound
from tuneworks.core.lifecycle import fail, start
from tuneworks.core.types import Dataset, DatasetName, Deployment, ModelVersion, Run, RunConfig, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.inspect import delete, list_records, show
from tuneworks.testing.stores import MADE, a_dataset, a_prediction, a_version


@pytest.fixture
def workspace(tmp_path: Path):
    with Workspace.open(tmp_path / "ws") as workspace:
        yield workspace


def add(workspace: Workspace, name: str, *contents: str) -> list[str]:
    """A dataset name with one version a content, each grown from the one before."""
    parent = None
    for content in contents:
        id = workspace.blobs.write(content.encode())
        parent_id = parent
        workspace.store.put(replace(a_dataset(id), parent_id=parent_id), DatasetName(name, id, MADE))
        parent = id
    return [workspace.blobs.write(content.encode()) for content in contents]


def tune(workspace: Workspace, number: int, dataset_id: str = "d") -> ModelVersion:
    """A version with a head of its own and a base all versions share, and its folders."""
    parts = {"head": workspace.blobs.write(b"head %d" % number), "base": workspace.blobs.write(b"base")}
    version = replace(a_version(f"version-{number}", number), parts=parts, dataset_id=dataset_id)
    workspace.store.put(version, Run(f"run-{number}", RunConfig(), "finished", MADE, version_id=version.id))
    for folder in (workspace.models, workspace.reports):
        (folder / version.label).mkdir(parents=True)
        (folder / version.label / "file").write_text(version.label)
    return replace(version)


def test_records_are_listed_newest_last(workspace: Workspace) -> None:
    runs = [start(workspace, RunConfig()) for _ in range(3)]
    fail(workspace, runs[0], ValueError("x"))
    assert [run.id for run in list_records("runs", workspace=workspace)] == [run.id for run in runs]
    for kind in ("datasets", "versions", "deployments"):
        assert list_records(kind, workspace=workspace) == []


def test_a_kind_that_does_not_exist_is_refused_with_those_that_do(workspace: Workspace) -> None:
    for call in (
        lambda: list_records("models", workspace=workspace),
        lambda: delete("models", "x", workspace=workspace),
    ):
        with pytest.raises(NotFound) as caught:
            call()
        assert "deployments" in caught.value.fix.zh


def test_show_finds_whatever_is_meant(workspace: Workspace) -> None:
    [id] = add(workspace, "tickets", "rows")
    assert show("tickets", workspace=workspace).id == id
    version = tune(workspace, 1, id)
    assert show("tickets", workspace=workspace) == version
    deployment = Deployment("tickets", Served(version.id, "arrays"))
    workspace.store.put(deployment, a_prediction("pred-1"))
    assert show("tickets", workspace=workspace) == deployment
    assert show("tickets@1", workspace=workspace) == version
    assert show("versions/tickets", workspace=workspace) == version
    assert show("datasets/tickets", workspace=workspace).id == id
    assert show(id[:12], workspace=workspace).id == id
    assert show("run-1", workspace=workspace).id == "run-1"
    assert show("pred-1", workspace=workspace).id == "pred-1"
    with pytest.raises(NotFound) as caught:
        show("ticket", workspace=workspace)
    assert "tickets" in caught.value.fix.en


def test_a_deleted_dataset_takes_its_versions_and_bytes_with_it(workspace: Workspace) -> None:
    old, _ = add(workspace, "tickets", "old rows", "new rows")
    [other] = add(workspace, "other", "other rows")
    delete("datasets", "tickets", workspace=workspace)
    assert [dataset.id for dataset in workspace.store.find(Dataset)] == [other]
    assert [name.id for name in workspace.store.find(DatasetName)] == ["other"]
    assert list(workspace.blobs.ids()) == [other]
    with pytest.raises(NotFound):
        delete("datasets", old, workspace=workspace)


def test_rows_that_another_name_leads_to_stay(workspace: Workspace) -> None:
    old, new = add(workspace, "tickets", "old rows", "new rows")
    workspace.store.put(DatasetName("archive", old, MADE))
    delete("datasets", "tickets", workspace=workspace)
    assert [dataset.id for dataset in workspace.store.find(Dataset)] == [old]
    assert workspace.blobs.read(old) == b"old rows"
    assert new not in list(workspace.blobs.ids())


def test_a_dataset_in_use_cannot_go(workspace: Workspace) -> None:
    old, new = add(workspace, "tickets", "old rows", "new rows")
    with pytest.raises(Conflict, match="'tickets'"):
        delete("datasets", new, workspace=workspace)
    with pytest.raises(Conflict, match=new[:16]):
        delete("datasets", old, workspace=workspace)
    tune(workspace, 1, old)
    with pytest.raises(Conflict, match="tickets@1") as caught:
        delete("datasets", "tickets", workspace=workspace)
    assert "tickets@1" in caught.value.problem.zh
    assert len(workspace.store.find(Dataset)) == 2
    assert workspace.blobs.read(new) == b"new rows"


def test_a_deleted_version_leaves_what_others_share(workspace: Workspace) -> None:
    first, second = tune(workspace, 1), tune(workspace, 2)
    delete("versions", "tickets@1", workspace=workspace)
    assert workspace.store.find(ModelVersion) == [second]
    assert set(workspace.blobs.ids()) == set(second.parts.values())
    assert first.parts["head"] not in set(workspace.blobs.ids())
    for folder in (workspace.models, workspace.reports):
        assert [path.name for path in folder.iterdir()] == ["tickets@2"]


@pytest.mark.parametrize("role", ["champion", "challenger", "previous"])
def test_a_deployed_version_cannot_go(workspace: Workspace, role: str) -> None:
    version, other = tune(workspace, 1), Served("version-9", "arrays")
    served = Served(version.id, "arrays")
    deployments = {
        "champion": Deployment("desk", served),
        "challenger": Deployment("desk", other, challenger=served),
        "previous": Deployment("desk", other, previous=(served,)),
    }
    workspace.store.put(deployments[role])
    with pytest.raises(Conflict, match="desk") as caught:
        delete("versions", "tickets@1", workspace=workspace)
    assert "desk" in caught.value.problem.zh
    assert "tuneworks delete deployments desk" in caught.value.fix.en
    assert "tuneworks delete deployments desk" in caught.value.fix.zh
    assert workspace.store.get(ModelVersion, version.id) == version
    assert (workspace.models / "tickets@1" / "file").exists()
    delete("deployments", "desk", workspace=workspace)
    delete("versions", "tickets@1", workspace=workspace)
    assert list(workspace.blobs.ids()) == []


def test_an_old_champion_that_no_rollback_returns_to_next_can_go(workspace: Workspace) -> None:
    compiled = workspace.blobs.write(b"compiled")
    old = Served(tune(workspace, 1).id, "arrays", {"part": compiled})
    last, present = (Served(tune(workspace, number).id, "arrays") for number in (2, 3))
    workspace.store.put(Deployment("desk", present, previous=(old, last, old, last)))
    with pytest.raises(Conflict, match="go back to") as caught:
        delete("versions", "tickets@2", workspace=workspace)
    assert "tuneworks promote desk" in caught.value.fix.en
    delete("versions", "tickets@1", workspace=workspace)
    assert workspace.store.get(Deployment, "desk") == Deployment("desk", present, previous=(last, last))
    assert compiled not in set(workspace.blobs.ids())


def test_a_version_that_one_deployment_needs_leaves_no_other(workspace: Workspace) -> None:
    first, second = (Served(tune(workspace, number).id, "arrays") for number in (1, 2))
    archive = Deployment("archive", second, previous=(first, second))
    workspace.store.put(archive, Deployment("desk", first))
    with pytest.raises(Conflict, match="desk"):
        delete("versions", "tickets@1", workspace=workspace)
    assert workspace.store.get(Deployment, "archive") == archive


def test_nothing_is_swept_from_under_a_run_at_work(workspace: Workspace) -> None:
    tune(workspace, 1)
    add(workspace, "other", "rows")
    run = start(workspace, RunConfig("tickets", "tickets"))
    for kind, reference in (("versions", "tickets@1"), ("datasets", "other"), ("runs", run.id)):
        with pytest.raises(Conflict, match=run.id):
            delete(kind, reference, workspace=workspace)
    fail(workspace, run, ValueError("x"))
    for kind, reference in (("versions", "tickets@1"), ("datasets", "other"), ("runs", run.id)):
        delete(kind, reference, workspace=workspace)
    assert list(workspace.blobs.ids()) == []


def test_a_run_that_made_a_version_stays_as_long_as_it(workspace: Workspace) -> None:
    tune(workspace, 1)
    with pytest.raises(Conflict, match="tickets@1"):
        delete("runs", "run-1", workspace=workspace)
    delete("versions", "tickets@1", workspace=workspace)
    delete("runs", "run-1", workspace=workspace)
    assert workspace.store.find(Run) == []
