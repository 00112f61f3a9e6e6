"""Starting, stopping and refusing to start."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.server.process import ServerProcess, free_port
from tuneworks.client import Client
from tuneworks.core.errors import BrokenSeal, InvalidConfig, Unavailable
from tuneworks.core.workspace import Workspace
from tuneworks.server.run import serve
from tuneworks.testing.workspaces import NAME, deployed_workspace


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_stops_cleanly_when_told(served_folder: Path, number: signal.Signals) -> None:
    running = ServerProcess(served_folder)
    with Client(running.url, token=running.token) as client:
        client.predict(NAME, [{"text": "where is my parcel"}])
        code, said, errors = running.stop(number)
    assert (code, said.strip(), errors) == (0, "stopped", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_nobody_listens_beyond_this_machine_in_clear_text(host: str, served_folder: Path) -> None:
    with Workspace.open(served_folder) as workspace, pytest.raises(InvalidConfig, match="clear text"):
        serve(host=host, port=free_port(), workspace=workspace)


def test_a_port_of_others_is_said_to_be_taken(server: ServerProcess, tmp_path: Path) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    with Workspace.open(tmp_path / ".tuneworks") as workspace, pytest.raises(Unavailable, match=str(port)):
        serve(port=port, workspace=workspace)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_cannot_be_is_refused(port: int, served_folder: Path) -> None:
    with Workspace.open(served_folder) as workspace, pytest.raises(InvalidConfig, match=str(port)):
        serve(port=port, workspace=workspace)


def test_a_broken_model_is_refused_while_the_server_answers_on(tmp_path: Path) -> None:
    folder = tmp_path / ".tuneworks"
    deployed_workspace(folder).close()
    head = folder / "models" / f"{NAME}@1" / "head.safetensors"
    head.write_bytes(head.read_bytes()[:-1] + b"\x07")
    with ServerProcess(folder) as running, Client(running.url, token=running.token) as client:
        assert client.health()["status"] == "ok"
        with pytest.raises(BrokenSeal, match=r"head\.safetensors"):
            client.predict(NAME, [{"text": "where is my parcel"}])
