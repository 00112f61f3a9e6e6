"""What becomes of a run: finished with its version, failed, or found interrupted when its process is gone."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tuneworks.core import lifecycle, recovery
from tuneworks.core.errors import Conflict, UnsuitableData
from tuneworks.core.files import staged_beside, write_atomically
from tuneworks.core.lifecycle import fail, finish, next_number, start
from tuneworks.core.processes import is_alive, owner
from tuneworks.core.recovery import recover
from tuneworks.core.text import Text, language, plain
from tuneworks.core.types import Event, Lease, ModelVersion, Run, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.stores import sql
from tuneworks.testing.stores import a_version

CONFIG = RunConfig("tickets", "tickets")
KILLED = """
import os, sys
from tuneworks.core.lifecycle import start
from tuneworks.core.types import RunConfig
from tuneworks.core.workspace import Workspace
workspace = Workspace.open(sys.argv[1])
print(start(workspace, RunConfig("tickets", "tickets")).id, flush=True)
os.kill(os.getpid(), 9)
"""

KILLED_BEFORE_IT_TOLD = KILLED.replace("import start", "import finish, start").replace(
    'print(start(workspace, RunConfig("tickets", "tickets")).id, flush=True)',
    """run = start(workspace, RunConfig("tickets", "tickets"))
finish(workspace, run)
print(run.id, flush=True)""",
)


@pytest.fixture
def workspace(tmp_path: Path):
    with Workspace.open(tmp_path / "ws") as workspace:
        yield workspace


def run_killed_in(workspace: Workspace, script: str = KILLED) -> str:
    command = [sys.executable, "-c", script, str(workspace.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    return done.stdout.strip()


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_finished_run_and_its_version_appear_together(workspace: Workspace) -> None:
    run = start(workspace, CONFIG)
    assert (run.status, run.owner) == ("running", owner())
    version = finish(workspace, run, a_version("v", 1))
    stored = workspace.store.get(Run, run.id)
    assert stored is not None
    assert (stored.status, stored.version_id) == ("finished", "v")
    assert stored.ended is not None
    assert workspace.store.get(ModelVersion, "v") == version


def test_two_runs_that_finish_with_one_number_get_two(workspace: Workspace) -> None:
    runs = [start(workspace, CONFIG) for _ in range(8)]
    numbers: list[int] = []

    def end(run: Run) -> None:
        numbers.append(finish(workspace, run, a_version(f"v-{run.id}", 1)).number)

    threads = [threading.Thread(target=end, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 9))
    assert sorted(v.number for v in workspace.store.find(ModelVersion, name="tickets")) == list(range(1, 9))
    assert next_number(workspace, "tickets") == 9
    assert next_number(workspace, "other") == 1


def test_the_number_of_a_deleted_version_is_not_given_again(workspace: Workspace) -> None:
    finish(workspace, start(workspace, CONFIG), a_version("v1", 1))
    finish(workspace, start(workspace, CONFIG), a_version("v2", 2))
    workspace.store.remove(ModelVersion, "v2")
    assert next_number(workspace, "tickets") == 3


def test_a_run_that_was_declared_interrupted_cannot_finish(workspace: Workspace) -> None:
    run = start(workspace, CONFIG)
    workspace.store.put(replace(run, status="interrupted"))
    with pytest.raises(Conflict, match="interrupted"):
        finish(workspace, run, a_version("v", 1))
    assert workspace.store.get(ModelVersion, "v") is None


def test_a_version_is_never_stored_twice(workspace: Workspace) -> None:
    finish(workspace, start(workspace, CONFIG), a_version("v", 1))
    second = start(workspace, CONFIG)
    with pytest.raises(Conflict):
        finish(workspace, second, replace(a_version("v", 2)))
    assert [version.number for version in workspace.store.find(ModelVersion)] == [1]


def test_of_two_who_go_on_with_a_run_at_once_one_is_told_so(workspace: Workspace) -> None:
    run = start(workspace, CONFIG)
    fail(workspace, run, KeyboardInterrupt())
    found = workspace.store.get(Run, run.id)
    assert found is not None
    taken = lifecycle.claim(workspace, lifecycle.again(workspace, found))
    assert taken.claims == found.claims + 1
    with pytest.raises(Conflict):
        lifecycle.again(workspace, found)


def test_a_failed_run_keeps_its_error_in_both_languages(workspace: Workspace) -> None:
    run = start(workspace, CONFIG)
    fail(workspace, run, UnsuitableData(Text("Too few rows.", "行数太少。"), Text("Add more.", "请添加更多。")))
    stored = workspace.store.get(Run, run.id)
    assert stored is not None
    assert (stored.status, stored.error) == ("failed", Text("Too few rows. Add more.", "行数太少。请添加更多。"))


def test_a_bug_is_named_by_its_class(workspace: Workspace) -> None:
    assert (
        str(fail(workspace, start(workspace, CONFIG), ZeroDivisionError("by zero")).error)
        == "ZeroDivisionError: by zero"
    )


def test_a_run_the_user_stopped_is_interrupted(workspace: Workspace) -> None:
    ended = fail(workspace, start(workspace, CONFIG), KeyboardInterrupt())
    assert ended.status == "interrupted"
    with language("zh"):
        assert "已由用户停止" in str(ended.error)


def test_what_ended_well_cannot_fail_afterwards(workspace: Workspace) -> None:
    run = start(workspace, CONFIG)
    finish(workspace, run, a_version("v", 1))
    assert fail(workspace, run, KeyboardInterrupt()).status == "finished"
    stored = workspace.store.get(Run, run.id)
    assert stored is not None
    assert (stored.status, stored.version_id) == ("finished", "v")


def test_a_store_that_cannot_write_hides_no_error(workspace: Workspace, monkeypatch) -> None:
    run = start(workspace, CONFIG)
    workspace.store.close()
    monkeypatch.setattr(sql, "BUSY_SECONDS", 0.2)
    with Workspace.open(workspace.root) as impatient:
        other = sqlite3.connect(workspace.root / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert fail(impatient, run, ValueError("first")).error == plain("ValueError: first")
        other.execute("ROLLBACK")
        assert impatient.store.get(Run, run.id) == run
        other.close()


def test_a_killed_run_is_found_once_and_told_in_both_languages(workspace: Workspace) -> None:
    mine = start(workspace, CONFIG)
    killed = run_killed_in(workspace)
    found = recover(workspace)
    assert [(run.id, run.status) for run in found] == [(killed, "interrupted")]
    assert workspace.store.find(Run, status="interrupted") == found
    assert f"tuneworks resume {killed}" in str(found[0].error)
    with language("zh"):
        assert killed in str(lifecycle.notice(found[0]))
        assert "从最新的检查点继续" in str(lifecycle.notice(found[0]))
    assert recover(workspace) == []
    assert workspace.store.get(Run, mine.id) == mine


def test_of_many_who_recover_at_once_each_run_is_told_by_one(workspace: Workspace) -> None:
    killed = {run_killed_in(workspace) for _ in range(2)}
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(run.id for run in recover(workspace))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(killed)


def test_a_run_of_another_host_or_of_nobody_is_left_alone(workspace: Workspace) -> None:
    far = Run("run-far", CONFIG, "running", "2026", owner=f"elsewhere:{ended_process()}:x.1")
    waiting = Run("run-waiting", CONFIG, "queued", "2026")
    workspace.store.put(far, waiting)
    assert recover(workspace) == []
    assert workspace.store.find(Run) == [far, waiting]


def test_this_process_is_alive_and_an_ended_one_is_not() -> None:
    host, _, started = owner().rsplit(":", 2)
    assert is_alive(owner())
    assert not is_alive(f"{host}:{ended_process()}:{started}")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell when a process started")
def test_a_process_that_got_the_number_of_another_is_not_it() -> None:
    host, process, started = owner().rsplit(":", 2)
    assert not is_alive(f"{host}:{process}:{started}9")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not show ended processes")
def test_an_ended_process_nobody_has_waited_for_is_not_alive() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from tuneworks.core.processes import owner; print(owner())"], stdout=-1
    )
    assert process.stdout is not None
    its_owner = process.stdout.read().decode().strip()
    time.sleep(0.1)
    assert not is_alive(its_owner)
    process.wait()


def leave(path: Path, process: int, age_seconds: float) -> Path:
    """A half-written file as a process of that number leaves it."""
    staged = path.with_name(f".{path.name}.{process}-0a1b2c3d.part")
    staged.parent.mkdir(parents=True, exist_ok=True)
    staged.write_bytes(b"half")
    os.utime(staged, (time.time() - age_seconds,) * 2)
    return staged


def test_only_what_dead_processes_left_long_ago_is_swept(workspace: Workspace) -> None:
    dead, old = ended_process(), recovery.LEFTOVER_AFTER_SECONDS + 60
    swept = [
        leave(folder / "x", dead, old) for folder in (workspace.root / "blobs", workspace.models, workspace.cache / "a")
    ]
    kept = [
        leave(workspace.models / "fresh", dead, 0),
        leave(workspace.models / "mine", os.getpid(), old),
        workspace.models / "tickets@1.part",
    ]
    kept[2].write_text("a user's own file")
    folder = workspace.models / f".tickets@2.{dead}.part"
    folder.mkdir()
    (folder / "head").write_text("half")
    os.utime(folder, (time.time() - old,) * 2)
    recover(workspace)
    assert [path for path in (*swept, folder) if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_the_name_of_a_staged_file_is_one_the_sweep_knows(tmp_path: Path) -> None:
    staged = recovery.STAGED.fullmatch(staged_beside(tmp_path / "a.b.json").name)
    assert staged is not None
    assert int(staged[1]) == os.getpid()
    write_atomically(tmp_path / "deep" / "file", b"whole")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]


@pytest.mark.parametrize(("script", "status"), [(KILLED, "interrupted"), (KILLED_BEFORE_IT_TOLD, "finished")])
def test_the_end_of_a_run_is_told_once_though_its_process_went_before(
    script: str, status: str, workspace: Workspace
) -> None:
    run = run_killed_in(workspace, script)
    for _ in range(2):
        recover(workspace)
        assert [event.kind for event in workspace.store.find(Event, run_id=run)] == [status]
        assert workspace.store.find(Lease) == []
