"""A run that is killed again and again, and resumed each time, ends in the same bytes as one that never was."""

from __future__ import annotations

import random
import signal

import pytest

from tests.crash.runs import (
    go_on_and_kill,
    interrupted,
    parts_of,
    patient_config,
)
from tuneworks.core.types import Event
from tuneworks.core.workspace import Workspace

KILLS, LONG_KILLS = 20, 300
KILLED = -signal.SIGKILL


def test_a_run_killed_at_random_steps_ends_in_the_same_bytes(workspace: Workspace) -> None:
    killed_runs_end_alike(workspace, KILLS, seed=20260801)


@pytest.mark.long
def test_a_run_killed_300_times_ends_in_the_same_bytes(workspace: Workspace) -> None:
    killed_runs_end_alike(workspace, LONG_KILLS, seed=20260802)


def killed_runs_end_alike(workspace: Workspace, kills: int, seed: int) -> None:
    print(f"seed {seed}")
    chance, config = random.Random(seed), patient_config(workspace, steps=60)
    unkilled = interrupted(workspace, config)
    assert go_on_and_kill(workspace.root, unkilled.id, None) == 0
    expected, done = parts_of(workspace, unkilled.id), 0
    while done < kills:
        run = interrupted(workspace, config)
        while go_on_and_kill(workspace.root, run.id, chance.uniform(0, 0.5) if done < kills else None) == KILLED:
            done += 1
        assert parts_of(workspace, run.id) == expected
        events = workspace.store.find(Event, run_id=run.id)
        assert [event.kind for event in events].count("finished") == 1
        assert not (workspace.checkpoints / run.id).exists()
    print(f"{done} kills")
