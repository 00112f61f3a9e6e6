"""Runs that can be cut off anywhere: a patient method as a third party would bring it, and processes to kill."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from pathlib import Path

from tuneworks.core.lifecycle import queue
from tuneworks.core.recovery import recover
from tuneworks.core.types import Event, ModelVersion, Recipe, Run, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.making import CARD, HISTORY
from tuneworks.flows.plan_run import complete_config
from tuneworks.flows.resume import resume
from tuneworks.testing.workspaces import NAME, sample_rows

PRELOADED = [
    "tuneworks.flows.resume",
    "tuneworks.stores.sql",
    "tuneworks.blobs.local",
    "tuneworks.bases.ngrams",
    "tuneworks.methods.head",
    "tuneworks.tasks.text_classification",
    "tuneworks.runners.inline",
    "tuneworks.bases.text_encoder",
    "tuneworks.methods.full",
    "pydantic",
]


def third_party(folder: Path) -> Path:
    """A folder for ``sys.path`` with an installed package that brings the method ``patient``."""
    information = folder / "patient-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: patient\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[tuneworks.methods]\npatient = patient:Patient\n")
    shutil.copy(Path(__file__).with_name("patient.py"), folder)
    return folder


def workspace_with_rows(folder: Path, rows: int = 150) -> Workspace:
    workspace = Workspace.open(folder)
    add(sample_rows(rows), name=NAME, workspace=workspace)
    return workspace


def patient_config(workspace: Workspace, *, checkpoint_seconds: float = 0.0, **options: float) -> RunConfig:
    """A complete configuration of the method ``patient``."""
    recipe = Recipe("ngrams", "patient", options=options)
    return complete_config(workspace, RunConfig(NAME, NAME, recipe=recipe, checkpoint_seconds=checkpoint_seconds))


def full_config(workspace: Workspace, encoder: Path) -> RunConfig:
    """A complete configuration of the method ``full`` on a tiny encoder, in some dozens of steps."""
    options = {"dropout": 0.2, "start_from_linear": False}
    recipe = Recipe(f"path:{encoder}", "full", epochs=4, batch_tokens=96, options=options)
    return complete_config(workspace, RunConfig(NAME, NAME, recipe=recipe, checkpoint_seconds=0.0))


def interrupted(workspace: Workspace, config: RunConfig) -> Run:
    """A run that was cut off before it began."""
    run = queue(workspace, config)
    workspace.store.put(Run(run.id, config, "interrupted", run.created))
    return run


def parts_of(workspace: Workspace, run: str) -> dict[str, str]:
    """The parts of the version a run made, without those that tell times or numbers."""
    ended = workspace.store.get(Run, run)
    assert ended is not None
    version = workspace.store.get(ModelVersion, ended.version_id or "")
    assert version is not None, f"{ended.status}: {ended.error}"
    return {name: hash for name, hash in version.parts.items() if name not in (HISTORY, CARD)}


def go_on_and_kill(root: Path, run: str, seconds: float | None) -> int | None:
    """Go on with a run in a process of its own, killed so long after its first step; the exit code."""
    fresh = multiprocessing.get_context("forkserver")
    fresh.set_forkserver_preload(PRELOADED)
    process = fresh.Process(target=_go_on, args=(root, run, seconds))
    process.start()
    process.join()
    return process.exitcode


def _go_on(root: Path, run: str, seconds: float | None) -> None:
    begun = False

    def listener(event: Event) -> None:
        nonlocal begun
        if seconds is not None and not begun and "loss" in event.values:
            begun = True
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

    with Workspace.open(root) as workspace:
        recover(workspace)
        resume(run, workspace=workspace, listener=listener)
