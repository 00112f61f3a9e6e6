"""The work of a run, done from what is stored of it alone; and a worker's loop, which does one run after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from tuneworks.core import lifecycle
from tuneworks.core.errors import Conflict, RunStopped, TuneworksError
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.holding import LEASE_SECONDS, Hold, held
from tuneworks.core.recovery import recover
from tuneworks.core.text import Text
from tuneworks.core.types import Lease, ModelVersion, Run, RunConfig, Score
from tuneworks.core.working import working_folder
from tuneworks.core.workspace import Workspace
from tuneworks.flows.batch_job import batch_run
from tuneworks.flows.evaluate import write_report
from tuneworks.flows.making import Made, make
from tuneworks.flows.plan_run import Plan, plan_run
from tuneworks.flows.references import run_of
from tuneworks.flows.rungs import AUTO
from tuneworks.flows.seats import assist, placed
from tuneworks.flows.tensorboard import told_to_tensorboard
from tuneworks.flows.trails import Trails
from tuneworks.serving.folders import store_parts
from tuneworks.serving.signature import signer

LOOK_SECONDS = 0.5
MOST_CLAIMS = 5


def do(workspace: Workspace, run: Run, listener: Listener = silent, *, plan: Plan | None = None) -> Run:
    """Claim a queued run and do its work in this process; the run as it ended. ``plan``: where it is known already.

    Of several processes that a runner started for the run, all but the first lend that one a hand.
    An error ends the run and reaches the caller: ``RunStopped`` where somebody paused or cancelled it.
    """
    seat = placed()
    if seat is not None and seat.rank:
        assist(workspace, run, seat)
        return run
    with told_to_tensorboard(listener) as heard:
        claimed = lifecycle.claim(workspace, run)
        try:
            with held(workspace, claimed, heard) as hold:
                WORK[claimed.kind](hold, plan)
        except RunStopped as stop:
            if stop.wanted == "cancel":
                _trails(workspace, claimed).remove()
            raise
    return workspace.store.get(Run, run.id) or claimed


def planned_from(run: Run) -> RunConfig:
    """What leads to the same plan again: the run's own configuration.

    Which rungs a ladder has depends on what was asked for: of one, that, on the very dataset and version it meant then.
    """
    pinned = run.config
    if run.asked is None or pinned.recipe.method != AUTO:
        return pinned
    return replace(
        run.asked, name=pinned.name, dataset=pinned.dataset, spec=pinned.spec, from_version=pinned.from_version
    )


def work(
    *,
    once: bool = False,
    run: str | None = None,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> list[Run]:
    """Do queued runs one after another until Ctrl-C; the runs as they ended.

    ``once``: end when none is left. ``run``: do that one alone. Runs whose worker has not been heard of for
    30 seconds are taken over; a run that fails is left as failed, and the next one is taken.
    """
    workspace = workspace or Workspace.open()
    if run is not None:
        found = run_of(workspace, run)
        must_be_work(found)
        return [do(workspace, found, listener)]
    done: list[Run] = []
    for waiting in _waiting(workspace, once=once):
        with suppress(Conflict, RunStopped):
            done.append(_done(workspace, waiting, listener))
    return done


def tune_run(hold: Hold, plan: Plan | None = None) -> ModelVersion:
    """Make a version: fit, score, store it together with the finished run, write its report."""
    workspace, run, listener = hold.workspace, hold.run, hold.hear
    plan, sign = plan or plan_run(workspace, planned_from(run), listener), signer(workspace.working)
    _tell_plan(plan, listener)
    trails = _trails(workspace, run, listener)
    with working_folder(workspace.working) as folder:
        made = make(workspace, run, plan, folder, listener, trails.of)
        version = replace(made.version, parts=store_parts(workspace, sign(made.files)))
        version = lifecycle.finish(workspace, replace(run, score=made.score), version) or version
    trails.remove()
    _tell_stored(version, made, listener)
    write_report(workspace, version, made.plan, made.evaluation, made.scores, listener=listener)
    return version


def _trails(workspace: Workspace, run: Run, listener: Listener = silent) -> Trails:
    return Trails(workspace.checkpoints / run.id, run.id, seconds=run.config.checkpoint_seconds, listener=listener)


def _search(hold: Hold, plan: Plan | None) -> object:
    # What a search is made of takes longer to import than everything else here.
    from tuneworks.flows.search import search_run

    return search_run(hold)


def _batch(hold: Hold, plan: Plan | None) -> None:
    batch_run(hold)


WORK: dict[str, Callable[[Hold, Plan | None], object]] = {"tune": tune_run, "search": _search, "predict": _batch}
"""By the kind of a run: what is done."""


def must_be_work(run: Run) -> None:
    """Raise ``Conflict`` for a run that is done by the one it belongs to alone."""
    if run.kind not in WORK:
        raise Conflict(
            Text(
                f"The run {run.id} is a {run.kind} of {run.parent_id}, which goes on with it.",
                f"运行 {run.id} 属于 {run.parent_id}，由后者继续执行。",
            ),
            Text(f"Go on with that one: tuneworks resume {run.parent_id}", f"请继续：tuneworks resume {run.parent_id}"),
        )


# -- a worker ----------------------------------------------------------------------------------------


def _waiting(workspace: Workspace, *, once: bool) -> Iterator[Run]:
    """Runs that nobody does: queued for any worker, or held by a lease that no longer lives."""
    watch = Watch(workspace)
    while True:
        recover(workspace)
        waiting = [run for run in workspace.store.find(Run, status="queued") if run.owner is None]
        found = next(iter([*waiting, *watch.silent()]), None)
        if found is not None:
            yield found
        elif once:
            return
        else:
            time.sleep(LOOK_SECONDS)


class Watch:
    """Sees which leases no longer live, by this process's own monotonic clock: no clock of the day is trusted."""

    def __init__(self, workspace: Workspace, clock: Callable[[], float] = time.monotonic) -> None:
        self._workspace, self._clock = workspace, clock
        self._heard: dict[str, tuple[Lease, float]] = {}

    def silent(self) -> list[Run]:
        """Runs whose lease has not changed for as long as a lease lasts, while this watch looked.

        Those that another run is made of are left to whoever does that one.
        """
        store, found = self._workspace.store, []
        for run in store.find(Run, status="running"):
            lease = store.get(Lease, lifecycle.lease_id(run.id))
            if lease is None or run.kind not in WORK:
                continue
            known, since = self._heard.get(run.id, (None, 0.0))
            if lease != known:
                self._heard[run.id] = (lease, self._clock())
            elif self._clock() - since > LEASE_SECONDS and run.claims < MOST_CLAIMS:
                found.append(run)
        return found


def _done(workspace: Workspace, run: Run, listener: Listener) -> Run:
    """The run as it ended, whichever way; what went wrong is told."""
    try:
        return do(workspace, run, listener)
    except (Conflict, RunStopped):
        raise
    except TuneworksError as error:
        tell(listener, "failed", error.problem, run_id=run.id)
        return workspace.store.get(Run, run.id) or run


# -- what is told ------------------------------------------------------------------------------------


def _tell_stored(version: ModelVersion, made: Made, listener: Listener) -> None:
    evaluation, figures = made.evaluation, _figures(version.scores[made.evaluation.metric])
    tell(
        listener,
        "stored",
        Text(
            f"{version.label} stored: {evaluation.metric} {figures} on {evaluation.rows} held-out rows",
            f"{version.label} 已保存：{evaluation.metric} {figures}，留出 {evaluation.rows} 行",
        ),
    )


def _figures(score: Score) -> str:
    return f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"


def _tell_plan(plan: Plan, listener: Listener) -> None:
    data, recipe = plan.data, plan.config.recipe
    counts = f"{len(data.train)} / {len(data.validation)} / {len(data.test)}"
    labels = len(data.spec.labels)
    known_en, known_zh = (f"{labels} labels; ", f"{labels} 个标签；") if labels else ("", "")
    tell(
        listener,
        "plan",
        Text(
            f"{plan.config.spec.task}: {recipe.method} on {recipe.base}; {known_en}"
            f"train / validation / test rows: {counts}",
            f"{plan.config.spec.task}：在 {recipe.base} 上使用 {recipe.method}；{known_zh}"
            f"训练 / 验证 / 测试行数：{counts}",
        ),
    )
