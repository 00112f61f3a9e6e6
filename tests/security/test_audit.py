"""Every change of state is noted with who, what and when; whoever changes the log, or a record behind it, is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.conftest import Guarded
from tuneworks.core.access import VIEWER, AuditEntry, acting
from tuneworks.core.audit import first_break
from tuneworks.core.types import Deployment, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.audit import audit, check_audit
from tuneworks.flows.inspect import delete
from tuneworks.flows.keys import new_key, revoke
from tuneworks.testing.workspaces import NAME, deployed_workspace

MOVES = 30


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A deployment that was moved ``MOVES`` times."""
    with Workspace.open(tmp_path) as workspace:
        for number in range(MOVES):
            workspace.store.put(Deployment("desk", Served(f"version-{number:04d}", "arrays")))
        yield workspace


def edited(workspace: Workspace, statement: str, *values: object) -> None:
    """Change the database behind the store's back."""
    with sqlite3.connect(workspace.root / "store.db") as database:
        assert database.execute(statement, values).rowcount == 1


def problem(workspace: Workspace, digest: str | None = None) -> str:
    found = check_audit(digest=digest, workspace=workspace).problem
    return found.en if found else ""


def test_a_log_nobody_touched_is_whole(workspace: Workspace) -> None:
    checked = check_audit(workspace=workspace)
    assert (checked.entries, checked.problem) == (MOVES, None)
    assert check_audit(digest=checked.digest, workspace=workspace).problem is None


@pytest.mark.parametrize("number", [1, 13, MOVES])
def test_one_edited_entry_is_found(workspace: Workspace, number: int) -> None:
    change = "UPDATE tw_audit_entry SET body = replace(body, ?, ?) WHERE position = ?"
    edited(workspace, change, f"version-{number - 1:04d}", "version-9999", number)
    assert f"Entry {number} " in problem(workspace)


def test_another_name_under_a_change_is_found(workspace: Workspace) -> None:
    (entry,) = audit(limit=1, workspace=workspace)
    edited(workspace, "UPDATE tw_audit_entry SET body = replace(body, ?, 'eve') WHERE position = 7", entry.actor)
    assert "Entry 7 " in problem(workspace)


def test_an_entry_taken_out_is_found(workspace: Workspace) -> None:
    edited(workspace, "DELETE FROM tw_audit_entry WHERE position = 9")
    assert "no entry 9" in problem(workspace)


def test_an_end_cut_off_is_found(workspace: Workspace) -> None:
    newest = check_audit(workspace=workspace).digest
    edited(workspace, "DELETE FROM tw_audit_entry WHERE position = ?", MOVES)
    assert "'desk'" in problem(workspace), "the record tells of a change the log does not"
    assert "replaced" in problem(workspace, newest)


def test_a_record_changed_behind_the_log_is_found(workspace: Workspace) -> None:
    key = new_key("shop", role=VIEWER, workspace=workspace).key
    edited(workspace, "UPDATE tw_api_key SET body = replace(body, 'viewer', 'administrator')")
    assert repr(key.id) in problem(workspace)
    assert "ApiKey" in problem(workspace)


def test_a_record_deleted_behind_the_log_is_found(workspace: Workspace) -> None:
    edited(workspace, "DELETE FROM tw_deployment")
    assert "'desk'" in problem(workspace)


def test_a_change_tells_who_what_when_and_from_what_to_what(workspace: Workspace) -> None:
    with acting("Mai (key-1)"):
        made = new_key("shop", role=VIEWER, workspace=workspace)
    revoke(made.key.id, workspace=workspace)
    added, ended = audit(limit=2, workspace=workspace)
    assert (added.actor, added.action, added.kind, added.record) == ("Mai (key-1)", "added", "ApiKey", made.key.id)
    assert added.change["role"] == (None, '"viewer"')
    assert ended.action == "changed"
    assert ended.actor.endswith("@localhost")
    assert ended.change["revoked"][0] is None
    assert added.made < ended.made


def test_a_write_that_fails_leaves_no_entry(workspace: Workspace) -> None:
    from tuneworks.core.errors import Conflict

    with pytest.raises(Conflict):
        workspace.store.put(Deployment("desk", Served("other", "arrays")), expect={"desk": 1})
    assert check_audit(workspace=workspace).entries == MOVES


def test_a_life_of_a_model_is_told_whole(tmp_path: Path) -> None:
    with deployed_workspace(tmp_path, rows=120) as workspace:
        delete("deployments", NAME, workspace=workspace)
        told = [(entry.action, entry.kind) for entry in audit(workspace=workspace)]
        checked = check_audit(workspace=workspace)
    for wanted in ("Dataset", "DatasetName", "Run", "ModelVersion", "Deployment"):
        assert ("added", wanted) in told
    assert ("changed", "Run") in told
    assert told[-1] == ("removed", "Deployment")
    assert checked.problem is None


def test_over_http_the_key_is_named_and_what_people_wrote_is_not(guarded: Guarded) -> None:
    token = guarded.token("tickets")
    made = guarded.ask("POST", f"/v1/deployments/{NAME}/predict", token, json={"row": {"text": "my private words"}})
    id = made.json()["predictions"][0]["id"]
    guarded.ask("POST", f"/v1/predictions/{id}/feedback", token, json={"value": "delivery", "source": "desk"})
    told = guarded.ask("GET", "/v1/audit?limit=1", guarded.token("administrator"))
    (entry,) = told.json()
    assert entry["actor"] == f"the shop ({guarded.keys['tickets'].key.id})"
    assert (entry["action"], entry["kind"]) == ("added", "Feedback")
    assert "private" not in told.text
    assert "delivery" not in told.text
    checked = guarded.ask("GET", "/v1/audit/check", guarded.token("administrator")).json()
    assert checked["problem"] is None


def test_a_field_that_is_added_later_breaks_no_chain(workspace: Workspace) -> None:
    entries = audit(workspace=workspace)
    older = "UPDATE tw_audit_entry SET body = replace(body, ',\"record_digest\":null', '') WHERE position = 1"
    with sqlite3.connect(workspace.root / "store.db") as database:
        database.execute(older)
    assert first_break(audit(workspace=workspace)) is None
    assert all(isinstance(entry, AuditEntry) for entry in entries)
