"""Over HTTP a run is followed live and replayed afterwards, stopped, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.crash.runs import parts_of, patient_config, third_party, workspace_with_rows
from tests.server.process import ServerProcess
from tuneworks.core.following import start_process
from tuneworks.core.lifecycle import queue
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace

STEPS = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace whose processes know the method ``patient``."""
    folder = tmp_path_factory.mktemp("runs")
    packages = str(third_party(folder / "packages"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(packages)
        patch.setenv("PYTHONPATH", os.pathsep.join([packages, os.environ.get("PYTHONPATH", "")]))
        workspace_with_rows(folder / "ws").close()
        yield folder / "ws"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    with ServerProcess(folder) as running:
        yield running


@pytest.fixture
def workspace(folder: Path) -> Iterator[Workspace]:
    with Workspace.open(folder) as workspace:
        yield workspace


def started(workspace: Workspace, *, seconds: float = 0.05) -> Run:
    """A run at work in a process of its own."""
    run = queue(workspace, patient_config(workspace, steps=STEPS, seconds=seconds))
    start_process(workspace, run)
    return run


def events(server: ServerProcess, run: str, last: str | None = None) -> Iterator[dict[str, Any]]:
    """The events of a run as they arrive, each with the ``id`` and the name it was sent with."""
    headers = {**server.headers, **({"Last-Event-ID": last} if last else {})}
    url = f"{server.url}/v1/runs/{run}/events"
    with httpx.stream("GET", url, headers=headers, timeout=60, trust_env=False) as answered:
        assert answered.headers["content-type"].startswith("text/event-stream")
        sent: dict[str, str] = {}
        for line in answered.iter_lines():
            name, _, value = line.partition(": ")
            if name:
                sent[name] = value
            elif "data" in sent:
                yield {**json.loads(sent["data"]), "sent": (sent["id"], sent["event"])}
                sent = {}


def post(server: ServerProcess, run: str, verb: str) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/runs/{run}/{verb}", timeout=60, trust_env=False, headers=server.headers)


def test_a_run_is_followed_live_and_replayed_from_any_event(server: ServerProcess, workspace: Workspace) -> None:
    run = started(workspace)
    live = []
    for event in events(server, run.id):
        live.append(event)
        if len(live) == 3:
            assert workspace.store.get(Run, run.id).status == "running"
    assert live[-1]["kind"] == "finished"
    losses = [event for event in live if "loss" in event["values"]]
    assert [event["step"] for event in losses] == sorted({event["step"] for event in losses})
    assert losses[-1]["values"].keys() >= {"loss", "seconds_left"}
    assert [event["sent"] for event in live] == [(event["id"], event["kind"]) for event in live]
    assert list(events(server, run.id)) == live
    assert list(events(server, run.id, last=live[4]["id"])) == live[5:]


def test_a_run_is_paused_resumed_and_cancelled(server: ServerProcess, workspace: Workspace) -> None:
    run = started(workspace)
    told = (event for event in events(server, run.id) if "loss" in event["values"])
    next(told)
    assert post(server, run.id, "pause").json()["wanted"] == "pause"
    assert list(events(server, run.id))[-1]["kind"] == "paused"
    assert (
        httpx.get(f"{server.url}/v1/runs/{run.id}", trust_env=False, headers=server.headers).json()["status"]
        == "paused"
    )
    resumed = post(server, run.id, "resume")
    assert (resumed.status_code, resumed.json()["status"]) == (202, "queued")
    assert "resumed" in {event["kind"] for event in events(server, run.id)}
    assert parts_of(workspace, run.id)
    refused = post(server, run.id, "cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "Conflict")
    other = started(workspace)
    next(event for event in events(server, other.id) if "loss" in event["values"])
    post(server, other.id, "cancel")
    assert list(events(server, other.id))[-1]["kind"] == "cancelled"
    listed = httpx.get(
        f"{server.url}/v1/runs", params={"status": "cancelled"}, trust_env=False, headers=server.headers
    ).json()
    assert [each["id"] for each in listed] == [other.id]


def test_an_unknown_run_is_said_so(server: ServerProcess) -> None:
    for answered in (
        httpx.get(f"{server.url}/v1/runs/run-0/events", trust_env=False, headers=server.headers),
        post(server, "run-0", "pause"),
        post(server, "run-0", "resume"),
    ):
        assert (answered.status_code, answered.json()["code"]) == (404, "NotFound")


def test_a_server_that_is_told_to_stop_does_not_wait_for_those_who_listen(folder: Path, workspace: Workspace) -> None:
    queued = queue(workspace, patient_config(workspace))
    server = ServerProcess(folder)
    with httpx.stream(
        "GET", f"{server.url}/v1/runs/{queued.id}/events", timeout=60, trust_env=False, headers=server.headers
    ):
        began = time.monotonic()
        code, _, _ = server.stop(signal.SIGTERM)
    assert (code, time.monotonic() - began < 10) == (0, True)
