"""Whatever verb is killed at whatever moment, the workspace opens whole, says so once, and works on."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tuneworks.core.lifecycle import AT_WORK
from tuneworks.core.recovery import recover
from tuneworks.core.types import Dataset, DatasetName, Deployment, ModelVersion, Prediction, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.deploy import deploy
from tuneworks.flows.predict import predict
from tuneworks.flows.rows import read_rows
from tuneworks.serving.folders import open_version
from tuneworks.testing.workspaces import NAME, sample_rows, tune_again, tuned_workspace

SEED = 20260102
KILLS = {"tune": 8, "add": 4, "deploy": 4, "predict": 4}
ROWS = 150


@dataclass
class Killing:
    """One workspace whose commands are killed, each at a random moment of its work."""

    folder: Path
    chance: random.Random

    @property
    def root(self) -> Path:
        return self.folder / ".tuneworks"

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tuneworks", "--workspace", str(self.root), *words]
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, **streams)

    def work_seconds(self, *words: str) -> float:
        """How long the command takes when nobody kills it."""
        began = time.monotonic()
        process = self.start(*words)
        process.communicate(timeout=60)
        assert process.returncode == 0
        return time.monotonic() - began

    def kill(self, seconds: float, *words: str, at_work: bool = False) -> None:
        """Run a command and kill it after a moment between a third and the whole of its time.

        ``at_work``: the moment is counted from its first word on standard error instead, and short.
        """
        moment = self.chance.uniform(0.05, 0.4) if at_work else self.chance.uniform(0.33, 1.0) * seconds
        process = self.start(*words)
        if at_work and process.stderr is not None:
            process.stderr.readline()
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        code = process.returncode
        print(f"{words[0]} after {moment:.2f} s of {seconds:.2f} s: {code}")
        assert code in (0, -signal.SIGKILL)

    def opened(self) -> Workspace:
        return Workspace.open(self.root)


@pytest.fixture(scope="module")
def killing(tmp_path_factory: pytest.TempPathFactory) -> Killing:
    print(f"seed {SEED}, kills {KILLS}")
    made = Killing(tmp_path_factory.mktemp("killing"), random.Random(SEED))
    with tuned_workspace(made.root, rows=ROWS) as workspace:
        deploy(NAME, workspace=workspace)
    return made


def repeatedly(killing: Killing, verb: str, words: Callable[[int], list[str]]) -> Iterator[Workspace]:
    """The workspace after each kill of a command, found whole."""
    seconds = killing.work_seconds(verb, *words(-1))
    for number in range(KILLS[verb]):
        killing.kill(seconds, verb, *words(number), at_work=verb == "tune" and number % 2 == 0)
        with killing.opened() as workspace:
            _is_whole(workspace)
            yield workspace


def test_a_killed_tuning_leaves_a_whole_version_or_none_and_is_told_once(killing: Killing) -> None:
    told = 0
    words = ["--target", "topic", "--base", "ngrams"]
    for workspace in repeatedly(killing, "tune", lambda number: [NAME, *words]):
        running = {run.id for status in AT_WORK for run in workspace.store.find(Run, status=status)}
        assert {run.id for run in recover(workspace)} == running
        assert recover(workspace) == []
        assert {run.status for run in workspace.store.find(Run)} <= {"finished", "interrupted"}
        told += len(running)
    with killing.opened() as workspace:
        version = tune_again(workspace)
        numbers = [known.number for known in workspace.store.find(ModelVersion, name=NAME)]
        assert sorted(numbers) == list(range(1, version.number + 1))
        assert predict(version.label, [{"text": "where is my parcel"}], workspace=workspace)[0].answer.label
    assert told > 0


def test_a_killed_import_leaves_a_whole_dataset_or_none(killing: Killing) -> None:
    source = killing.folder / "more.csv"
    with open(source, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["text", "topic"])
        writer.writeheader()
        writer.writerows(sample_rows(20_000, seed=1))
    for workspace in repeatedly(killing, "add", lambda number: [str(source), "--name", f"more{number}"]):
        for name in workspace.store.find(DatasetName):
            dataset = workspace.store.get(Dataset, name.dataset_id)
            assert dataset is not None
            assert len(read_rows(workspace, dataset)) == dataset.rows
    assert killing.work_seconds("add", str(source), "--name", "more") > 0


def test_a_killed_deployment_serves_the_old_version_or_the_new(killing: Killing) -> None:
    with killing.opened() as workspace:
        labels = [f"{NAME}@1", *(tune_again(workspace).label for _ in range(KILLS["deploy"] + 1))]
    for workspace in repeatedly(killing, "deploy", lambda number: [labels[number + 2]]):
        served = workspace.store.get(Deployment, NAME)
        assert served is not None
        known = {version.id: version.label for version in workspace.store.find(ModelVersion)}
        assert known[served.champion.version_id] in labels
        assert predict(NAME, [{"text": "where is my parcel"}], workspace=workspace)[0].answer.label == "delivery"


def test_a_killed_prediction_logs_each_row_once_or_not_at_all(killing: Killing) -> None:
    source = killing.folder / "rows.csv"
    source.write_text("key,text\n" + "".join(f"k{i},where is parcel {i}\n" for i in range(3000)))
    for workspace in repeatedly(killing, "predict", lambda number: [NAME, str(source), "--key", "key"]):
        logged = workspace.store.find(Prediction, deployment=NAME)
        assert len({prediction.id for prediction in logged}) == len(logged)
        assert all(prediction.answer.label for prediction in logged)


def test_enough_was_killed() -> None:
    assert sum(KILLS.values()) >= 20


def _is_whole(workspace: Workspace) -> None:
    """Every version's parts are there and verify, its folder opens, and its run is finished."""
    finished = {run.version_id for run in workspace.store.find(Run, status="finished")}
    versions = workspace.store.find(ModelVersion)
    assert {version.id for version in versions} == finished
    for version in versions:
        for blob in version.parts.values():
            workspace.blobs.read(blob)
        assert open_version(workspace, version).spec == version.spec
