"""The trials of a search as they are stored: each is a run of its own, what it measured are its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tuneworks.core import lifecycle
from tuneworks.core.clock import now
from tuneworks.core.spaces import Space
from tuneworks.core.text import Text
from tuneworks.core.trials import Measured, Trial
from tuneworks.core.types import Event, Run, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.search_space import values_of
from tuneworks.flows.trial import MEASURE

KIND = "trial"
MEASURED = "measured"


def stored_trials(
    workspace: Workspace, search: Run, spaces: Mapping[str, Space], ended: dict[str, Trial]
) -> list[Trial]:
    """All trials of a search in the order they began, those that repeat its best one included.

    ``ended``: those that came to their end, by run; they are read once, and noted there.
    """
    runs = workspace.store.find(Run, kind=KIND, parent_id=search.id)
    trials = [ended.get(run.id) or _trial(workspace, run, number, spaces) for number, run in enumerate(runs)]
    ended.update({trial.run_id: trial for trial in trials if trial.outcome != "unfinished"})
    return trials


def begin(workspace: Workspace, search: Run, config: RunConfig) -> Run:
    """A new trial, claimed by this process."""
    return lifecycle.claim(workspace, lifecycle.queue(workspace, config, kind=KIND, parent_id=search.id))


def begin_again(workspace: Workspace, trial: Trial) -> Run:
    """A trial that was cut off, claimed by this process to be done anew."""
    run = workspace.store.get(Run, trial.run_id)
    assert run is not None
    return lifecycle.claim(workspace, lifecycle.again(workspace, run))


def note(workspace: Workspace, run: Run, measured: Measured) -> None:
    """Store what a trial measured."""
    values = {MEASURE: measured.validation, "share": measured.share, "seconds": measured.seconds}
    message = Text(
        f"validation {measured.validation:.4f} after {measured.share:.0%} of the training",
        f"训练完成 {measured.share:.0%} 时，验证 {measured.validation:.4f}",
    )
    name = f"{run.id}.{run.claims:03d}.{MEASURED}.{measured.share:.4f}"
    workspace.store.append([Event(MEASURED, message, now(), run.id, values=values, id=name)])


def finish(workspace: Workspace, run: Run) -> None:
    """A trial came to its end, or was given up: its score is the last that it measured."""
    points = _points(workspace.store.find(Event, run_id=run.id), run)
    lifecycle.finish(workspace, replace(run, score=points[-1].validation if points else None))


def _trial(workspace: Workspace, run: Run, number: int, spaces: Mapping[str, Space]) -> Trial:
    points = _points(workspace.store.find(Event, run_id=run.id), run)
    whole = bool(points) and points[-1].share == 1.0
    finished = "measured" if whole else "given_up"
    outcome = {"finished": finished, "failed": "failed"}.get(run.status, "unfinished")
    return Trial(
        number,
        run.id,
        values_of(run.config, spaces),
        run.config.recipe.seed,
        outcome,
        points if outcome != "unfinished" else (),
        run.error if outcome == "failed" else None,
    )


def _points(events: Sequence[Event], run: Run) -> tuple[Measured, ...]:
    """What the last attempt at a trial measured."""
    own = [e.values for e in events if e.kind == MEASURED and (e.id or "").startswith(f"{run.id}.{run.claims:03d}.")]
    return tuple(Measured(values["share"], values[MEASURE], values["seconds"]) for values in own)
