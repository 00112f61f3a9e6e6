"""A real server process over a small deployed workspace, and a real client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.process import ServerProcess
from tuneworks.client import Client
from tuneworks.testing.workspaces import deployed_workspace


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / ".tuneworks"
    deployed_workspace(folder).close()
    return folder


@pytest.fixture(scope="session")
def server(served_folder: Path) -> Iterator[ServerProcess]:
    with ServerProcess(served_folder) as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server.url, token=server.token) as connected:
        yield connected
