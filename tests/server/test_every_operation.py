"""Whatever is sent to any operation, well made or not: no error of the server, and no answer it does not describe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.process import ServerProcess
from tuneworks.client import Client
from tuneworks.testing.workspaces import NAME, deployed_workspace

REVOKING = "/v1/keys/{id}"
SETTINGS = """
headers = {{ Authorization = "Bearer ${{SCHEMATHESIS_TOKEN}}" }}
request-timeout = 30
suppress-health-check = ["all"]

[parameters]
"path.name" = "{name}"
"path.model" = "{name}"
"path.reference" = "{name}"
"path.version" = "1"

[checks.positive_data_acceptance]
# What a model reads is known to its version alone, so a request that the description allows may still be none for it.
expected-statuses = ["2xx", "400", "403", "404", "405", "409", "421", "422", "501", "504"]

[[operations]]
include-path-regex = "^/v1/deployments/.name./predict$|^/v2/models/.*/infer$"
# Whoever allows no time (X-Request-Timeout) is told so.
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "504"]

[[operations]]
include-path-regex = "^/v1/deployments/.name./jobs"
parameters = {{ "path.name" = "nobody" }}

[[operations]]
include-path-regex = "^/v1/runs/"
parameters = {{ "path.id" = "{run}" }}

[[operations]]
include-path-regex = "^/v1/jobs/"
parameters = {{ "path.id" = "{job}" }}

[[operations]]
include-path-regex = "^/v1/predictions/"
parameters = {{ "path.id" = "{prediction}" }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("operations") / ".tuneworks"
    deployed_workspace(folder, rows=200).close()
    with ServerProcess(folder) as running:
        yield running


@pytest.fixture(scope="module")
def settings(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names of what is there, so that operations get as far as they can."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "mails.txt").write_text("where is my parcel\n")
    with Client(server.url, token=server.token) as client:
        made = client.predict(NAME, [{"text": "where is my parcel"}])[0]
        run = client.prediction(made.id)["version"]["run_id"]
        job = client.start_job(NAME, folder / "mails.txt")["id"]
        list(client.follow(job))
    written = folder / "schemathesis.toml"
    written.write_text(SETTINGS.format(name=NAME, run=run, job=job, prediction=made.id))
    return written


def run(server: ServerProcess, settings: Path, *options: str) -> None:
    """All checks of schemathesis on all operations; revoking keys comes last and alone, lest it revokes its own."""
    for chosen in (("--exclude-path", REVOKING), ("--include-path", REVOKING)):
        check(server, settings, *chosen, *options)


def check(server: ServerProcess, settings: Path, *options: str) -> None:
    """All checks on the operations that the options choose."""
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings)]
    done = subprocess.run(
        [*program, "run", f"{server.url}/openapi.json", "--checks", "all", "--no-shrink", "--seed", "7", *options],
        cwd=settings.parent,
        env={**os.environ, "SCHEMATHESIS_TOKEN": server.token, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-20000:]}\n{done.stderr[-2000:]}"


def test_some_requests_to_every_operation(server: ServerProcess, settings: Path) -> None:
    run(server, settings, "--phases", "examples,fuzzing", "--max-examples", "2")


@pytest.mark.long
def test_many_requests_to_every_operation(server: ServerProcess, settings: Path) -> None:
    run(server, settings, "--max-examples", "100")
