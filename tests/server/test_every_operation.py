"""Whatever is sent to any operation, well made or not: no error of the server, and no answer it does not describe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.process import ServerProcess
from tuneworks.testing.workspaces import NAME, deployed_workspace

SETTINGS = f"""
headers = {{ Authorization = "Bearer ${{SCHEMATHESIS_TOKEN}}" }}
request-timeout = 30
suppress-health-check = "all"

[parameters]
"path.name" = "{NAME}"

[checks.positive_data_acceptance]
# What a model reads is known to its version alone, so a request that the description allows may still be none for it.
expected-statuses = ["2xx", "400", "403", "404", "405", "409", "421", "422", "501"]

[[operations]]
include-path-regex = "/jobs|/keys"
parameters = {{ "path.name" = "nobody" }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("operations") / ".tuneworks"
    deployed_workspace(folder, rows=200).close()
    with ServerProcess(folder) as running:
        yield running


def run(server: ServerProcess, folder: Path, *options: str) -> None:
    """All checks of schemathesis on all operations."""
    (folder / "schemathesis.toml").write_text(SETTINGS)
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml")]
    done = subprocess.run(
        [*program, "run", f"{server.url}/openapi.json", "--checks", "all", "--no-shrink", "--seed", "7", *options],
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_TOKEN": server.token, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-20000:]}\n{done.stderr[-2000:]}"


def test_some_requests_to_every_operation(server: ServerProcess, tmp_path: Path) -> None:
    run(server, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "2")


@pytest.mark.long
def test_many_requests_to_every_operation(server: ServerProcess, tmp_path: Path) -> None:
    run(server, tmp_path, "--max-examples", "100")
