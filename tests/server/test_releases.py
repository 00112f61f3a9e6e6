"""Releases over HTTP: one call each, heard by a running server; its figures and its log say so and tell no inputs."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.process import ServerProcess
from tuneworks.core.workspace import Workspace
from tuneworks.flows.answering import FOLLOWED_WITHIN_SECONDS
from tuneworks.flows.promote import promote
from tuneworks.testing.workspaces import NAME, deployed_workspace, tune_again

SECRET = "my parcel Wolpertinger never came"
PREDICT = f"/v1/deployments/{NAME}/predict"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that serves ``tickets@1`` and has ``tickets@2``; every test leaves it so."""
    folder = tmp_path_factory.mktemp("released") / ".tuneworks"
    with deployed_workspace(folder, rows=200) as opened:
        tune_again(opened)
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[ServerProcess]:
    with ServerProcess(folder, log=str(folder / "log.jsonl")) as process:
        yield process


@pytest.fixture
def http(running: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, headers=running.headers, timeout=30) as client:
        yield client


def ask(http: httpx.Client, text: str = SECRET) -> str:
    """Which version answered."""
    answered = http.post(PREDICT, json={"row": {"text": text}})
    assert answered.status_code == 200, answered.text
    return str(answered.json()["predictions"][0]["version"])


def figures(http: httpx.Client) -> dict[tuple[str, str], float]:
    """Every sample's value by name and labels."""
    found = http.get("/metrics")
    assert found.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(found.text)
        for sample in family.samples
    }


def test_every_move_is_one_call_and_the_next_answer_shows_it(http: httpx.Client) -> None:
    assert ask(http) == f"{NAME}@1"
    asked = {"version": f"{NAME}@2", "name": NAME, "mode": "canary", "policy": {"share": 1.0}}
    tried = http.post("/v1/deployments", json=asked).json()
    assert (tried["champion"], tried["challenger"]) == (f"{NAME}@1", f"{NAME}@2")
    assert ask(http) == f"{NAME}@2"
    assert http.post(f"/v1/deployments/{NAME}/rollback").json()["challenger"] is None
    assert ask(http) == f"{NAME}@1"
    assert http.post(f"/v1/deployments/{NAME}/promote").status_code == 422
    assert http.post(f"/v1/deployments/{NAME}/promote", json={"version": f"{NAME}@2"}).json()["previous"] == [
        f"{NAME}@1"
    ]
    assert ask(http) == f"{NAME}@2"
    assert http.post(f"/v1/deployments/{NAME}/rollback").json()["champion"] == f"{NAME}@1"
    assert ask(http) == f"{NAME}@1"
    moves = http.get(f"/v1/deployments/{NAME}/moves").json()
    assert [move["kind"] for move in moves[:4]] == ["rolled-back", "promoted", "discarded", "canary"]
    assert all(move["reason"]["zh"] for move in moves)


@pytest.mark.parametrize("swaps", [6, pytest.param(50, marks=pytest.mark.long)])
def test_swaps_under_load_fail_no_request_and_mix_no_versions(http: httpx.Client, folder: Path, swaps: int) -> None:
    """Half of them by a call, half by another process; asked all the while by clients that retry nothing."""
    asked, wrong = Counter[str](), list[str]()
    stopped = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=http.base_url, headers=http.headers, timeout=30) as own:
            while not stopped.is_set():
                answered = own.post(PREDICT, json={"rows": [{"text": SECRET}, {"text": "i paid twice"}]})
                versions = {one["version"] for one in answered.json().get("predictions", ())}
                if answered.status_code != 200 or versions != {answered.headers["x-model-version"]}:
                    wrong.append(f"{answered.status_code} {versions} {answered.text}")
                asked.update(versions)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    with Workspace.open(folder) as workspace:
        for swap in range(swaps):
            if swap % 2:
                assert http.post(f"/v1/deployments/{NAME}/rollback").status_code == 200
            else:
                promote(NAME, f"{NAME}@2", workspace=workspace)
            time.sleep(2 * FOLLOWED_WITHIN_SECONDS)
            before = asked.total()
            while asked.total() < before + 8:
                time.sleep(0.005)
    stopped.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert set(asked) == {f"{NAME}@1", f"{NAME}@2"}


def test_figures_have_their_conventional_names_and_say_what_happened(http: httpx.Client, folder: Path) -> None:
    before = figures(http)
    for _ in range(3):
        ask(http)
    assert http.post(PREDICT, json={"row": {"wrong": 1}}).status_code == 422
    with ServerProcess(folder) as beside, httpx.Client(base_url=beside.url, headers=beside.headers) as other:
        ask(other)
    after = figures(http)

    def more(name: str, labels: str = "") -> float:
        return after[name, labels] - before.get((name, labels), 0.0)

    assert more("tuneworks_requests_total", f"deployment={NAME},outcome=answered,version={NAME}@1") == 4
    assert more("tuneworks_requests_total", f"deployment={NAME},outcome=wrong,version=") == 1
    assert more("tuneworks_request_duration_seconds_count", f"deployment={NAME},version={NAME}@1") == 4
    assert more("tuneworks_predictions_total", f"deployment={NAME},label=delivery,version={NAME}@1") == 4
    assert more("tuneworks_logged_predictions_total") == 4
    assert 1 <= more("tuneworks_log_flushes_total") <= 4
    route = f"http_request_method=POST,http_response_status_code=200,http_route={PREDICT.replace(NAME, '{name}')}"
    assert more("http_server_request_duration_seconds_count", route) == 4
    assert after["tuneworks_models_loaded", ""] >= 1
    assert after["tuneworks_models_loaded_bytes", ""] > 1000
    assert after["tuneworks_deployment_info", f"deployment={NAME},role=champion,version={NAME}@1"] == 1
    assert after["process_resident_memory_bytes", ""] > 1e6
    assert not any("wrong=" in labels or "Wolpertinger" in labels for _, labels in after)


def test_the_log_says_who_asked_which_version_and_never_what(
    http: httpx.Client, running: ServerProcess, folder: Path
) -> None:
    http.headers["x-request-id"] = "mine-1"
    ask(http)
    http.post(PREDICT, json={"row": {"text": 5, "secret": SECRET}})
    http.get(f"/v1/{SECRET}")
    http.get("/v1/health/ready", headers={"x-request-id": "mine-2"})
    said = ""
    while "mine-2" not in said:
        time.sleep(0.01)
        said = (folder / "log.jsonl").read_text(encoding="utf-8")
    first, second, third, last = map(json.loads, said.splitlines()[-4:])
    route = PREDICT.replace(NAME, "{name}")
    told = ("event", "route", "deployment", "version", "status", "request_id")
    assert [first[name] for name in told] == ["request", route, NAME, f"{NAME}@1", 200, "mine-1"]
    assert first["key_id"]
    assert first["milliseconds"] > 0
    assert (second["status"], third["status"], third["route"]) == (422, 404, "(none)")
    assert (last["status"], last["route"]) == (204, "/v1/health/ready")
    assert "Wolpertinger" not in said
    assert running.token not in said
