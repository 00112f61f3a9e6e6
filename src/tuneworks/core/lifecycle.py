"""What becomes of a run: it finishes, fails, or is found interrupted when its process is gone.

::

    queued ──> running ──> finished
                 │ └─────> failed
                 └───────> interrupted
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import Conflict, TuneworksError, Unavailable
from tuneworks.core.text import Text, plain
from tuneworks.core.types import ModelVersion, Run, RunConfig
from tuneworks.core.workspace import Workspace

LEFTOVER_AFTER_SECONDS = 600
STAGED = re.compile(r"\..*\.(\d+)(-[0-9a-f]+)?\.part")
INTERRUPTED = Text(
    "The process that did this run ended before it was done (killed, or the machine stopped). "
    "Nothing of it was kept, nothing else was touched: start it again.",
    "执行此运行的进程在完成之前已结束（被终止或机器停机）。未保留其任何内容，其他数据未受影响：请重新启动。",
)
STOPPED = Text(
    "Stopped by the user. Nothing of it was kept: start it again.", "已由用户停止。未保留其任何内容：请重新启动。"
)


def start(workspace: Workspace, config: RunConfig, asked: RunConfig | None = None) -> Run:
    """A new run, owned by this process; ``asked`` is what the user gave of its configuration."""
    run = Run(new_id("run"), config, "running", now(), owner=owner(), asked=asked)
    workspace.store.put(run, expect={run.id: 0})
    return run


def finish(workspace: Workspace, run: Run, version: ModelVersion) -> ModelVersion:
    """Store the version and the end of its run at once; a number taken meanwhile is replaced by the next free one."""
    store = workspace.store
    while True:
        revision = store.revision(Run, run.id)
        _still_running(workspace, run)
        finished = replace(run, status="finished", ended=now(), version_id=version.id)
        try:
            store.put(version, finished, expect={version.id: 0, run.id: revision})
            return version
        except Conflict:
            if not store.find(ModelVersion, name=version.name, number=version.number):
                raise
            version = replace(version, number=next_number(workspace, version.name))


def fail(workspace: Workspace, run: Run, error: BaseException) -> Run:
    """The run as failed, or as interrupted where the user stopped it; the error is kept in both languages.

    What is stored as ended stays so; a store that cannot be written hides no error: ``recover`` ends the run later.
    """
    stopped = isinstance(error, KeyboardInterrupt)
    text = STOPPED if stopped else _text_of(error)
    failed = replace(run, status="interrupted" if stopped else "failed", ended=now(), error=text)
    with suppress(Unavailable):
        return _end(workspace, run, failed) or workspace.store.get(Run, run.id) or failed
    return failed


def next_number(workspace: Workspace, name: str) -> int:
    """The number the next version of a model gets; that of a deleted version is not given out again."""
    held = max((version.number for version in workspace.store.find(ModelVersion, name=name)), default=0)
    made = sum(run.config.name == name for run in workspace.store.find(Run, status="finished"))
    return 1 + max(held, made)


def recover(workspace: Workspace) -> list[Run]:
    """Mark runs whose process is gone as interrupted and sweep what they left half-written; each is returned once."""
    interrupted = [ended for run in _abandoned(workspace) if (ended := _end(workspace, run, _interrupted(run)))]
    for leftover in _leftovers(workspace):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)
    return interrupted


def notice(run: Run) -> Text:
    """One line that tells the user what became of a run that did not finish."""
    error = run.error or plain("")
    return Text(f"The run {run.id} is {run.status}. {error.en}", f"运行 {run.id} 的状态为 {run.status}。{error.zh}")


# -- who does a run ----------------------------------------------------------------------------------


def owner() -> str:
    """This process, told apart from any other that had its number before: host, process number, start."""
    return f"{platform.node()}:{os.getpid()}:{_started(os.getpid())}"


def is_alive(owner: str) -> bool:
    """Whether the process still runs; one of another host is taken to."""
    host, process, started = owner.rsplit(":", 2)
    if host != platform.node():
        return True
    return _exists(int(process)) and _started(int(process)) == started


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(process: int) -> str:
    """When the process started, in clock ticks of this boot; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        state = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    fields = state.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{boot}.{fields[19]}"


# -- what was left -----------------------------------------------------------------------------------


def _still_running(workspace: Workspace, run: Run) -> None:
    now_stored = workspace.store.get(Run, run.id)
    if now_stored is not None and now_stored.status in ("running", "queued"):
        return
    status = now_stored.status if now_stored else "deleted"
    raise Conflict(
        Text(
            f"The run {run.id} is {status} in the store and cannot finish.",
            f"运行 {run.id} 在数据库中的状态为 {status}，无法完成。",
        ),
        Text("Start it again.", "请重新启动。"),
    )


def _text_of(error: BaseException) -> Text:
    if isinstance(error, TuneworksError):
        return Text(f"{error.problem.en} {error.fix.en}", f"{error.problem.zh}{error.fix.zh}")
    return plain(f"{type(error).__name__}: {error}")


def _abandoned(workspace: Workspace) -> Iterator[Run]:
    for status in ("running", "queued"):
        for run in workspace.store.find(Run, status=status):
            if run.owner is not None and not is_alive(run.owner):
                yield run


def _interrupted(run: Run) -> Run:
    return replace(run, status="interrupted", ended=now(), error=INTERRUPTED)


def _end(workspace: Workspace, run: Run, ended: Run) -> Run | None:
    """The run as ended; nothing where it ended otherwise before or at the same moment."""
    revision = workspace.store.revision(Run, run.id)
    if workspace.store.get(Run, run.id) != run:
        return None
    try:
        workspace.store.put(ended, expect={run.id: revision})
    except Conflict:
        return None
    return ended


def _leftovers(workspace: Workspace) -> Iterator[Path]:
    """Staged files and folders whose process is gone and that nobody has touched for a while."""
    for folder in (workspace.root / "blobs", workspace.models, workspace.cache, workspace.reports):
        for path in list(folder.rglob(".*.part")):
            staged = STAGED.fullmatch(path.name)
            if staged and not _exists(int(staged[1])) and _age_seconds(path) > LEFTOVER_AFTER_SECONDS:
                yield path


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
