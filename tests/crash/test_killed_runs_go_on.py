"""A run that is killed again and again, and resumed each time, ends in the same bytes as one that never was."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from tests.crash.runs import full_config, go_on_and_kill, interrupted, parts_of, patient_config
from tests.tiny import tiny_encoder
from tuneworks.core.recovery import recover
from tuneworks.core.types import Event, Lease, RunConfig
from tuneworks.core.workspace import Workspace

KILLS, LONG_KILLS = 10, 150
KILLED = -signal.SIGKILL


def test_a_run_killed_at_random_steps_ends_in_the_same_bytes(workspace: Workspace) -> None:
    killed_runs_end_alike(workspace, patient_config(workspace, steps=60), KILLS, seed=20260801)


def test_a_network_whose_training_was_killed_ends_in_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    encoder = tiny_encoder(tmp_path / "encoder")
    killed_runs_end_alike(workspace, full_config(workspace, encoder), KILLS, seed=20260802)


@pytest.mark.long
def test_150_kills_of_a_run_change_no_byte(workspace: Workspace) -> None:
    killed_runs_end_alike(workspace, patient_config(workspace, steps=60), LONG_KILLS, seed=20260803)


@pytest.mark.long
def test_150_kills_of_a_training_change_no_byte(workspace: Workspace, tmp_path: Path) -> None:
    encoder = tiny_encoder(tmp_path / "encoder")
    killed_runs_end_alike(workspace, full_config(workspace, encoder), LONG_KILLS, seed=20260804)


def killed_runs_end_alike(workspace: Workspace, config: RunConfig, kills: int, seed: int) -> None:
    print(f"seed {seed}")
    chance, unkilled = random.Random(seed), interrupted(workspace, config)
    assert go_on_and_kill(workspace.root, unkilled.id, None) == 0
    expected, done, resumed = parts_of(workspace, unkilled.id), 0, 0
    while done < kills:
        run = interrupted(workspace, config)
        while go_on_and_kill(workspace.root, run.id, chance.uniform(0, 0.5) if done < kills else None) == KILLED:
            done += 1
        assert parts_of(workspace, run.id) == expected
        recover(workspace)  # as the next command does
        told = [event.kind for event in workspace.store.find(Event, run_id=run.id)]
        assert told.count("finished") == 1
        assert workspace.store.find(Lease) == []
        assert not (workspace.checkpoints / run.id).exists()
        assert list(workspace.working.iterdir()) == []
        resumed += told.count("resumed")
    print(f"{done} kills, {resumed} times gone on from a checkpoint")
    assert resumed > 0
