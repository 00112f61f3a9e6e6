"""Killed at any moment, the store opens again whole: all that was acknowledged is there, once, and nothing in half."""

from __future__ import annotations

import hashlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tuneworks.core.lifecycle import AT_WORK
from tuneworks.core.recovery import recover
from tuneworks.core.types import DatasetName, ModelVersion, Prediction, Run
from tuneworks.core.workspace import Workspace

KILLS = 20
SEED = 20260101
WORK = """
import sys, threading
from dataclasses import replace
from pathlib import Path
from tuneworks.core.lifecycle import finish, start
from tuneworks.core.types import DatasetName, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.serving.prediction_log import PredictionLog
from tuneworks.testing.stores import MADE, a_prediction, a_version

round_, workspace = sys.argv[2], Workspace.open(sys.argv[1])
log, saying = PredictionLog(workspace.store), threading.Lock()

def acknowledge(*words):
    with saying:
        print(*words, flush=True)

def forever(step):
    def loop():
        count = 0
        while True:
            step(f"{round_}-{count}", count)
            count += 1
    return loop

def put(id, count):
    workspace.store.put(DatasetName("x" + id, "d", MADE), DatasetName("y" + id, "d", MADE))
    acknowledge("pair", id)

def append(id, count):
    workspace.store.append([a_prediction(f"append-{id}-{row}") for row in range(4)])
    acknowledge("append", id)

def log_from(caller):
    def step(id, count):
        log.append([a_prediction(f"log{caller}-{id}-{row}") for row in range(2)])
        acknowledge(f"log{caller}", id)
    return step

def write_blob(id, count):
    blob = workspace.blobs.write(id.encode().ljust(16) * (1 << (4 if count % 4 else 18)))
    acknowledge("blob", blob)

def run(id, count):
    finished = finish(workspace, start(workspace, RunConfig("tickets")), replace(a_version(f"v-{id}", 1), run_id=id))
    acknowledge("version", finished.id)

acknowledge("ready", "now")
for step in (put, append, log_from(1), log_from(2), write_blob, run):
    threading.Thread(target=forever(step)).start()
"""


def killed_after(seconds: float, root: Path, number: int) -> list[tuple[str, str]]:
    """What a working process had acknowledged when it was killed."""
    command = [sys.executable, "-c", WORK, str(root), str(number)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready now\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    whole_lines = said[: said.rfind("\n") + 1].splitlines()
    return [(kind, id) for kind, id in (line.split() for line in whole_lines)]


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory):
    """A workspace whose process was killed again and again, and what was acknowledged in it by kind."""
    root, chance = tmp_path_factory.mktemp("crash") / "ws", random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills")
    Workspace.open(root).close()
    acknowledged: dict[str, list[str]] = defaultdict(list)
    for number in range(KILLS):
        for kind, id in killed_after(chance.uniform(0.0, 0.35), root, number):
            acknowledged[kind].append(id)
        assert integrity(root) == "ok", f"after kill {number} of seed {SEED}"
    with Workspace.open(root) as workspace:
        yield workspace, acknowledged


def integrity(root: Path) -> str:
    with sqlite3.connect(root / "store.db") as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def test_every_kind_of_write_was_under_way(survivor) -> None:
    _, acknowledged = survivor
    assert acknowledged.keys() == {"pair", "append", "log1", "log2", "blob", "version"}


def test_what_was_acknowledged_is_there(survivor) -> None:
    workspace, acknowledged = survivor
    names = {name.id for name in workspace.store.find(DatasetName)}
    predictions = {prediction.id for prediction in workspace.store.find(Prediction)}
    assert {f"x{id}" for id in acknowledged["pair"]} <= names
    assert {f"append-{id}-{row}" for id in acknowledged["append"] for row in range(4)} <= predictions
    for log in ("log1", "log2"):
        assert {f"{log}-{id}-{row}" for id in acknowledged[log] for row in range(2)} <= predictions
    assert set(acknowledged["version"]) <= {version.id for version in workspace.store.find(ModelVersion)}
    assert set(acknowledged["blob"]) <= set(workspace.blobs.ids())


def test_nothing_is_there_twice(survivor) -> None:
    workspace, _ = survivor
    for kind in (DatasetName, Prediction, ModelVersion, Run):
        ids = [record.id for record in workspace.store.find(kind)]
        assert len(ids) == len(set(ids))
    numbers = [version.number for version in workspace.store.find(ModelVersion)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_what_was_written_together_is_there_together(survivor) -> None:
    workspace, _ = survivor
    names = {name.id for name in workspace.store.find(DatasetName)}
    assert {name[1:] for name in names if name[0] == "x"} == {name[1:] for name in names if name[0] == "y"}
    rows: dict[str, int] = defaultdict(int)
    for prediction in workspace.store.find(Prediction):
        rows[prediction.id.rpartition("-")[0]] += 1
    assert {(group.split("-")[0], count) for group, count in rows.items()} == {("append", 4), ("log1", 2), ("log2", 2)}


def test_a_version_is_there_exactly_when_its_run_is_finished(survivor) -> None:
    workspace, _ = survivor
    finished = {run.version_id for run in workspace.store.find(Run, status="finished")}
    assert finished == {version.id for version in workspace.store.find(ModelVersion)}


def test_every_blob_is_whole(survivor) -> None:
    workspace, _ = survivor
    for id in workspace.blobs.ids():
        assert hashlib.sha256(workspace.blobs.read(id)).hexdigest() == id


def test_runs_that_were_cut_off_are_told_once(survivor) -> None:
    workspace, _ = survivor
    cut_off = {run.id for status in AT_WORK for run in workspace.store.find(Run, status=status)}
    assert {run.id for run in recover(workspace)} == cut_off
    assert recover(workspace) == []
    assert {run.status for run in workspace.store.find(Run)} <= {"finished", "interrupted"}
