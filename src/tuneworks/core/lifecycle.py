"""What becomes of a run, from the moment it is queued to its end.

::

    queued ──> running ──> finished
      ^ │         ├──────> failed ────────┐
      │ │         ├──────> interrupted ───┤  resume: back to queued
      │ └─────────┼──────> paused ────────┘
      │           └──────> cancelled
      └────────────────────┘

``interrupted``: stopped by Ctrl-C, or found that its process is gone. A claim is counted in ``Run.claims``: whoever
holds an older count writes nothing more (a fencing token).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from tuneworks.core.clock import new_id, now
from tuneworks.core.environment import environment
from tuneworks.core.errors import Conflict, RunStopped, TuneworksError, Unavailable
from tuneworks.core.processes import owner
from tuneworks.core.text import Text, plain
from tuneworks.core.types import Lease, ModelVersion, Run, RunConfig
from tuneworks.core.workspace import Workspace

AT_WORK = ("queued", "running")
LEASE = ".lease"
STOPPED_AS = {"pause": "paused", "cancel": "cancelled"}
FINISHED = Text("finished", "已完成")
CANCELLED = Text("Cancelled by the user. Nothing of it was kept.", "已由用户取消，未保留其任何内容。")


def queue(
    workspace: Workspace,
    config: RunConfig,
    asked: RunConfig | None = None,
    *,
    kind: str = "tune",
    parent_id: str | None = None,
    reserved: bool = True,
) -> Run:
    """A new run that waits to be claimed, ``reserved`` for whom this process asks; else for any worker.

    ``asked`` is what the user gave of its configuration.
    """
    run = Run(
        new_id("run"),
        config,
        "queued",
        now(),
        owner=owner() if reserved else None,
        asked=asked,
        kind=kind,
        parent_id=parent_id,
    )
    workspace.store.put(run, expect={run.id: 0})
    return run


def claim(workspace: Workspace, run: Run) -> Run:
    """The run as taken over by this process with a lease of its own; ``Conflict`` where somebody else was first."""
    revision = workspace.store.revision(Run, run.id)
    stored = workspace.store.get(Run, run.id)
    if stored is None or stored.claims != run.claims or stored.status not in AT_WORK:
        raise _no_longer_ours(workspace, run)
    taken = replace(
        stored,
        status="running",
        owner=owner(),
        claims=run.claims + 1,
        ended=None,
        error=None,
        environment=environment(),
    )
    workspace.store.put(taken, Lease(lease_id(run.id), owner(), taken.claims), expect={run.id: revision})
    return taken


def start(workspace: Workspace, config: RunConfig, asked: RunConfig | None = None) -> Run:
    """A new run, claimed by this process."""
    return claim(workspace, queue(workspace, config, asked))


def finish(workspace: Workspace, run: Run, version: ModelVersion | None = None) -> ModelVersion | None:
    """Store the end of a run and its version at once; a number taken meanwhile is replaced by the next free one.

    ``Conflict`` where the run is no longer this process's: then nothing is stored.
    """
    store = workspace.store
    while True:
        revision = store.revision(Run, run.id)
        _still_ours(workspace, run)
        finished = replace(
            run, status="finished", ended=now(), wanted=None, version_id=version.id if version else run.version_id
        )
        fresh = {version.id: 0} if version else {}
        try:
            store.put(*([version] if version else []), finished, expect={**fresh, run.id: revision})
            return version
        except Conflict:
            if version and store.find(ModelVersion, name=version.name, number=version.number):
                version = _renumbered(workspace, version)
            elif store.revision(Run, run.id) == revision:
                raise


def fail(workspace: Workspace, run: Run, error: BaseException) -> Run:
    """The run as it ends by an error: failed, interrupted by the user, paused or cancelled.

    What is stored as ended stays so; a store that cannot be written hides no error: ``recover`` ends the run later.
    """
    status, text = _ending(run, error)
    failed = replace(run, status=status, ended=now(), error=text, wanted=None)
    with suppress(Unavailable):
        return end(workspace, failed) or workspace.store.get(Run, run.id) or failed
    return failed


def release(workspace: Workspace, run: Run) -> None:
    """Give the lease back: nothing more will be written of this run."""
    lease = workspace.store.get(Lease, lease_id(run.id))
    if lease is not None and lease.claims == run.claims:
        workspace.store.remove(Lease, lease.id)


def ask(workspace: Workspace, run: Run, wanted: str) -> Run:
    """Let whoever does the run know that it is to pause or to stop; one that nobody does yet ends so at once."""
    while True:
        revision, stored = workspace.store.revision(Run, run.id), workspace.store.get(Run, run.id)
        if stored is None or stored.status not in AT_WORK:
            raise _no_longer_ours(workspace, run)
        asked = replace(stored, wanted=wanted)
        if stored.status == "queued":
            asked = replace(stored, status=STOPPED_AS[wanted], ended=now(), error=_stopped(stored, wanted))
        with suppress(Conflict):
            workspace.store.put(asked, expect={run.id: revision})
            return asked


def again(workspace: Workspace, run: Run, *, reserved: bool = True) -> Run:
    """A run that ended without finishing, queued once more; ``Conflict`` where somebody else was first."""
    revision = workspace.store.revision(Run, run.id)
    stored = workspace.store.get(Run, run.id)
    if stored is None or (stored.status, stored.claims) != (run.status, run.claims):
        raise _no_longer_ours(workspace, run)
    queued = replace(run, status="queued", ended=None, error=None, wanted=None, owner=owner() if reserved else None)
    workspace.store.put(queued, expect={run.id: revision})
    return queued


def next_number(workspace: Workspace, name: str) -> int:
    """The number the next version of a model gets; that of a deleted version is not given out again."""
    held = max((version.number for version in workspace.store.find(ModelVersion, name=name)), default=0)
    finished = workspace.store.find(Run, status="finished", kind="tune")
    return 1 + max(held, sum(run.config.name == name for run in finished))


def notice(run: Run) -> Text:
    """One line that tells the user what became of a run that did not finish."""
    error = run.error or plain("")
    return Text(f"The run {run.id} is {run.status}. {error.en}", f"运行 {run.id} 的状态为 {run.status}。{error.zh}")


def lease_id(run_id: str) -> str:
    """The id of the lease on a run."""
    return f"{run_id}{LEASE}"


# -- how a run ends ----------------------------------------------------------------------------------


def go_on(run: Run) -> Text:
    """How a run that did not finish is done after all."""
    return Text(
        f"Go on from its newest checkpoint (from the start where there is none): tuneworks resume {run.id}",
        f"从最新的检查点继续（没有检查点时从头开始）：tuneworks resume {run.id}",
    )


def _ending(run: Run, error: BaseException) -> tuple[str, Text]:
    if isinstance(error, RunStopped):
        return STOPPED_AS[error.wanted], _stopped(run, error.wanted)
    if isinstance(error, KeyboardInterrupt):
        way = go_on(run)
        return "interrupted", Text(f"Stopped by the user. {way.en}", f"已由用户停止。{way.zh}")
    if isinstance(error, TuneworksError):
        return "failed", Text(f"{error.problem.en} {error.fix.en}", f"{error.problem.zh}{error.fix.zh}")
    return "failed", plain(f"{type(error).__name__}: {error}")


def _stopped(run: Run, wanted: str) -> Text:
    way = go_on(run)
    if wanted == "pause":
        return Text(f"Paused by the user. {way.en}", f"已由用户暂停。{way.zh}")
    return CANCELLED


def _still_ours(workspace: Workspace, run: Run) -> None:
    stored = workspace.store.get(Run, run.id)
    if stored is None or stored.status not in AT_WORK or stored.claims != run.claims:
        raise _no_longer_ours(workspace, run)


def _no_longer_ours(workspace: Workspace, run: Run) -> Conflict:
    stored = workspace.store.get(Run, run.id)
    if stored is not None and stored.claims != run.claims:
        problem = Text(
            f"The run {run.id} was taken over by another process ({stored.owner}).",
            f"运行 {run.id} 已被另一个进程接管（{stored.owner}）。",
        )
        return Conflict(problem, Text(f"See it: tuneworks show {run.id}", f"查看：tuneworks show {run.id}"))
    status = stored.status if stored else "deleted"
    return Conflict(
        Text(f"The run {run.id} is {status} in the store.", f"运行 {run.id} 在数据库中的状态为 {status}。"),
        Text("See the runs: tuneworks list runs", "查看所有运行：tuneworks list runs"),
    )


def _renumbered(workspace: Workspace, version: ModelVersion) -> ModelVersion:
    return replace(version, number=next_number(workspace, version.name))


def end(workspace: Workspace, ended: Run) -> Run | None:
    """The run as ended; nothing where it ended before, or was taken over."""
    while True:
        revision, stored = workspace.store.revision(Run, ended.id), workspace.store.get(Run, ended.id)
        if stored is None or stored.status not in AT_WORK or stored.claims != ended.claims:
            return None
        with suppress(Conflict):
            workspace.store.put(ended, expect={ended.id: revision})
            return ended
