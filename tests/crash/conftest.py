"""A workspace with rows, and the method ``patient`` installed for this process and those it starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.runs import third_party, workspace_with_rows
from tuneworks.core.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    packages = third_party(tmp_path / "packages")
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")]))
    with workspace_with_rows(tmp_path / "ws") as workspace:
        yield workspace
