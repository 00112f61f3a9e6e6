"""What was used is counted, by whom; a rate holds over several processes, a quota over a month."""

from __future__ import annotations

import csv
import io
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.security.conftest import Guarded
from tuneworks.core.access import VIEWER, ApiKey, Caller, Usage
from tuneworks.core.workspace import Workspace
from tuneworks.flows.keys import Limits, new_key
from tuneworks.flows.rates import Rates, seconds_to_next_month
from tuneworks.flows.usage import Spent, UsageMeter, usage, usage_csv
from tuneworks.testing.workspaces import NAME

PREDICT = f"/v1/deployments/{NAME}/predict"
PER_MINUTE, PROCESSES, SECONDS = 1200, 4, 3.0


def test_rows_characters_and_requests_are_counted_by_key_and_deployment(guarded: Guarded) -> None:
    made = new_key("=SHOP()", role=VIEWER, workspace=guarded.workspace)
    for body in ({"row": {"text": "late"}}, {"rows": [{"text": "重复扣款"}, {"text": "ok"}]}):
        assert guarded.ask("POST", PREDICT, made.token, json=body).status_code == 200
    tensors = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["late"]}]}
    assert guarded.ask("POST", f"/v2/models/{NAME}/infer", made.token, json=tensors).status_code == 200
    (told,) = guarded.ask("GET", "/v1/usage", made.token).json()
    assert (told["key_id"], told["deployment"]) == (made.key.id, NAME)
    assert (told["requests"], told["rows"], told["characters"]) == (3, 4, 4 + 6 + 4)
    table = guarded.ask("GET", "/v1/usage?format=csv", made.token)
    assert table.headers["content-type"].startswith("text/csv")
    first, *_ = csv.DictReader(io.StringIO(table.text))
    assert (first["name"], first["rows"]) == ("'=SHOP()", "4"), "a spreadsheet must not take a name for a formula"


def test_a_key_sees_its_own_use_and_an_administrator_everybodys(guarded: Guarded) -> None:
    guarded.ask("GET", "/v1/deployments", guarded.token("operator"))
    own = guarded.ask("GET", f"/v1/usage?key={guarded.keys['operator'].key.id}", guarded.token("viewer")).json()
    assert {one["key_id"] for one in own} <= {guarded.keys["viewer"].key.id}
    everybody = guarded.ask("GET", "/v1/usage", guarded.token("administrator")).json()
    assert guarded.keys["operator"].key.id in {one["key_id"] for one in everybody}


def test_past_its_rate_a_key_is_told_when_to_come_back(guarded: Guarded) -> None:
    made = new_key("eager", role=VIEWER, limits=Limits(rate=20), workspace=guarded.workspace)
    answers = [guarded.ask("GET", "/v1/deployments", made.token) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 429, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3
    assert answers[-1].json()["code"] == "TooManyRequests"
    assert guarded.ask("GET", "/v1/deployments", guarded.token("viewer")).status_code == 200


def test_a_rate_is_kept_by_several_processes_together(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as workspace:
        made = new_key("busy", role=VIEWER, limits=Limits(rate=PER_MINUTE), workspace=workspace)
        key = workspace.store.get(ApiKey, made.key.id)
    assert key is not None
    admitted = [0] * PROCESSES

    def ask(place: int, until: float) -> None:
        with Workspace.open(tmp_path) as own:
            rates = Rates(own)
            while time.monotonic() < until:
                wait = rates.wait_seconds(key)
                wait = rates.ask(key) if wait is None else wait
                admitted[place] += wait <= 0
                time.sleep(0.002)

    until = time.monotonic() + SECONDS
    askers = [threading.Thread(target=ask, args=(place, until)) for place in range(PROCESSES)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    burst = 3.0 * PER_MINUTE / 60
    assert sum(admitted) <= (SECONDS * PER_MINUTE / 60 + burst) * 1.05
    assert sum(admitted) >= (SECONDS * PER_MINUTE / 60 + burst) * 0.75


def test_a_quota_ends_with_its_rows_and_begins_anew_with_the_month(guarded: Guarded) -> None:
    made = new_key("small", role=VIEWER, limits=Limits(quota=3), workspace=guarded.workspace)
    rows = {"rows": [{"text": "a"}, {"text": "b"}]}
    statuses = [guarded.ask("POST", PREDICT, made.token, json=rows).status_code for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    refused = guarded.ask("POST", PREDICT, made.token, json=rows)
    left = seconds_to_next_month(datetime.now(UTC))
    assert abs(int(refused.headers["retry-after"]) - left) < 10
    (told,) = guarded.ask("GET", "/v1/usage", guarded.token("administrator"), params={"key": made.key.id}).json()
    assert (told["rows"], told["refused"]) == (4, 3)


def test_what_is_on_its_way_to_the_store_is_counted_once(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as workspace:
        meter, caller, seen = UsageMeter(workspace), Caller("key-1", "shop", VIEWER), list[int]()
        told = threading.Event()

        def look() -> None:
            while not told.is_set():
                seen.append(meter.rows_this_month("key-1"))

        looking = threading.Thread(target=look)
        looking.start()
        for _ in range(60):
            meter.count(caller, Spent("shop", rows=1))
            time.sleep(0.005)  # it is seen before it leaves
            meter.write()
        told.set()
        looking.join()
        meter.close()
        assert seen == sorted(seen)
        assert meter.rows_this_month("key-1") == 60


def test_counts_of_several_processes_add_up(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as one, Workspace.open(tmp_path) as other:
        meters = [UsageMeter(one), UsageMeter(other)]
        caller = Caller("key-1", "shop", VIEWER)

        def count(meter: UsageMeter) -> None:
            for _ in range(50):
                meter.count(caller, Spent(NAME, 2, 10, 1))
                if _ % 10 == 0:
                    meter.write()

        counters = [threading.Thread(target=count, args=(meter,)) for meter in meters]
        for counter in counters:
            counter.start()
        for counter in counters:
            counter.join()
        for meter in meters:
            meter.close()
        told = usage(workspace=one)
        assert sum(record.requests for record in told) == 100
        assert sum(record.rows for record in told) == 200
        assert sum(record.characters for record in told) == 1000


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "＝1", "\tx"])
def test_no_cell_of_an_export_is_a_formula(name: str) -> None:
    record = Usage("id", "key-1", name, NAME, "2026-11-22T13", "2026-11", 1)
    cells = next(csv.reader(io.StringIO(usage_csv([record]).split("\n", 1)[1])))
    assert cells[1] == f"'{name}"
