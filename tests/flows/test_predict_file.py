"""Answering a file says what of it was not answered."""

from __future__ import annotations

from pathlib import Path

from tuneworks.core.types import Event
from tuneworks.flows.predict_file import predict_file
from tuneworks.testing.workspaces import NAME, deployed_workspace


def test_skipped_lines_are_told(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("text\nwhere is my parcel\n\nmy card was refused\n", encoding="utf-8")
    heard: list[Event] = []
    workspace = deployed_workspace(tmp_path / ".tuneworks")
    made = list(predict_file(NAME, table, workspace=workspace, listener=heard.append))
    workspace.close()
    assert len(made) == 2
    assert [str(event.message.en) for event in heard] == ["Empty lines skipped: 1."]
