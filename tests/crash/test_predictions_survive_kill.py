"""A killed server has forgotten no answer it gave: every acknowledged prediction is in the store, once."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.server.process import ServerProcess
from tuneworks.client import Client
from tuneworks.core.errors import Unavailable
from tuneworks.core.types import Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.predict import predict
from tuneworks.testing.workspaces import NAME, deployed_workspace

CALLERS = 4


class Caller(threading.Thread):
    """Asks without a pause until the server is gone; keeps the ids it was given, with their keys."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        super().__init__()
        self.server, self.name_of_rows = server, name
        self.acknowledged: dict[str, str] = {}
        self.error: Exception | None = None

    def run(self) -> None:
        number = 0
        try:
            with Client(self.server.url, token=self.server.token) as client:
                while True:
                    keys = [f"{self.name_of_rows}-{number}-{row}" for row in range(1 + number % 3)]
                    answered = client.predict(NAME, [{"text": f"where is my parcel {key}"} for key in keys], keys=keys)
                    self.acknowledged.update({one.id: str(one.key) for one in answered})
                    number += 1
        except Unavailable:
            pass
        except Exception as error:
            self.error = error


def killed_under_load(folder: Path, attempt: int, seconds: float) -> dict[str, str]:
    """What a server acknowledged until it was killed, so long after its first answer: prediction id -> key."""
    running = ServerProcess(folder)
    callers = [Caller(running, f"{attempt}-{number}") for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    end = time.monotonic() + 30
    while not any(caller.acknowledged for caller in callers) and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(seconds)
    running.kill()
    for caller in callers:
        caller.join(timeout=30)
    assert [caller.error for caller in callers] == [None] * CALLERS
    return {id: key for caller in callers for id, key in caller.acknowledged.items()}


@pytest.mark.parametrize("kills", [20, pytest.param(300, marks=pytest.mark.long)])
def test_every_acknowledged_prediction_survives_a_kill_and_none_is_doubled(tmp_path: Path, kills: int) -> None:
    folder, moments = tmp_path / ".tuneworks", random.Random(20)
    deployed_workspace(folder, rows=200).close()
    acknowledged: dict[str, str] = {}
    for attempt in range(kills):
        given = killed_under_load(folder, attempt, moments.uniform(0.05, 1.0))
        acknowledged |= given
        with Workspace.open(folder) as workspace:
            assert all(workspace.store.get(Prediction, id) for id in given)
    with Workspace.open(folder) as workspace:
        logged = {prediction.id: prediction for prediction in workspace.store.find(Prediction)}
    assert acknowledged.keys() <= logged.keys()
    assert len(acknowledged) > 5 * kills
    assert all(logged[id].key == key and key in logged[id].inputs["text"] for id, key in acknowledged.items())
    assert max(Counter(prediction.key for prediction in logged.values()).values()) == 1
    with Workspace.open(folder) as workspace:
        assert predict(NAME, [{"text": "where is my parcel"}], workspace=workspace)[0].answer.label == "delivery"
