"""A search that is stopped, taken over or cut off mixes nothing up: no score, no trial, no version counts twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.flows.searches import STRENGTHS, quick, with_splits
from tuneworks.core import lifecycle
from tuneworks.core.config import with_settings
from tuneworks.core.errors import Conflict, RunFailed, RunStopped
from tuneworks.core.events import Listener, silent
from tuneworks.core.hands import LocalHand
from tuneworks.core.holding import held
from tuneworks.core.spaces import spaces_from
from tuneworks.core.text import plain
from tuneworks.core.trials import Measured
from tuneworks.core.types import Event, ModelVersion, Recipe, Run, RunConfig, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows import search_trials
from tuneworks.flows.add import add
from tuneworks.flows.plan_run import complete_config
from tuneworks.flows.searching import Searching
from tuneworks.flows.trial import GoesOn, Order, Trying
from tuneworks.flows.trial_process import TrialProcess
from tuneworks.testing.workspaces import NAME


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(with_splits(), name=NAME, workspace=opened)
        yield opened


def trials_of(workspace: Workspace) -> list[Run]:
    return workspace.store.find(Run, kind=search_trials.KIND)


def search_of(workspace: Workspace) -> Run:
    (run,) = workspace.store.find(Run, kind="search")
    return run


def test_a_trial_that_is_stopped_says_nothing_for_the_next(workspace: Workspace) -> None:
    asked = RunConfig(dataset=NAME, spec=TaskSpec(target="topic"), recipe=Recipe("ngrams", "head"))
    config = complete_config(workspace, asked)
    weak, strong = (Order(with_settings(config, {STRENGTHS: [one]}).recipe) for one in (1e-4, 30))
    trying, process = Trying(workspace, config), _process(workspace, config)

    def stop(event: Event) -> None:
        raise RunStopped(plain("stopped"), plain("by a user"), "cancel")

    try:
        with pytest.raises(RunStopped):
            process(weak, _always, stop)
        measured = [_validation(hand(strong, _always, silent)) for hand in (process, trying)]
    finally:
        process.close()
    assert measured[0] == pytest.approx(measured[1])
    assert measured[0] != pytest.approx(_validation(trying(weak, _always, silent)))


def _process(workspace: Workspace, config: RunConfig) -> TrialProcess:
    return TrialProcess(config, partial(LocalHand, TrialProcess.__module__, [workspace.address], 1))


def _always(measured: Measured) -> bool:
    return True


def _validation(measured: Measured | None) -> float:
    assert measured is not None
    return measured.validation


def test_a_search_is_gone_on_with_only_when_nobody_is_at_it(workspace: Workspace) -> None:
    once = partial(quick, workspace, seeds=1, store=False)
    known = once(trials=1).run.id
    at_work = lifecycle.claim(workspace, lifecycle.again(workspace, search_of(workspace)))
    with pytest.raises(Conflict, match=known):
        once(trials=2)
    assert search_of(workspace) == at_work
    gone = f"{(at_work.owner or '').rpartition(':')[0]}:before"
    workspace.store.put(replace(at_work, owner=gone))
    more = once(trials=2)
    assert (more.run.id, len(more.trials)) == (known, 2)


def test_a_search_that_was_taken_over_begins_no_more_trials(workspace: Workspace) -> None:
    taken: list[Run] = []

    def take_over(event: Event) -> None:
        if len(trials_of(workspace)) == 2 and not taken:
            taken.append(lifecycle.claim(workspace, search_of(workspace)))
            taken.append(lifecycle.claim(workspace, trials_of(workspace)[1]))

    with pytest.raises(Conflict, match="taken over"):
        quick(workspace, trials=6, seeds=1, store=False, listener=take_over)
    assert [run.status for run in trials_of(workspace)] == ["finished", "running"]
    assert [search_of(workspace), trials_of(workspace)[1]] == taken


def test_a_trial_that_another_process_left_is_taken_for_no_other(workspace: Workspace) -> None:
    left: list[Run] = []

    def leave(event: Event) -> None:
        if event.kind == "trial" and not left:
            search = search_of(workspace)
            left.append(lifecycle.fail(workspace, search_trials.begin(workspace, search, search.config), OSError()))

    result = quick(workspace, trials=3, seeds=1, store=False, listener=leave)
    assert [trial.outcome for trial in result.trials] == ["measured", "failed", "measured", "measured"]


def test_a_repeat_that_does_not_end_counts_for_nothing(workspace: Workspace) -> None:
    best = quick(workspace, trials=1, seeds=1, store=False).best
    config = with_settings(search_of(workspace).config, {"search.seeds": 4})
    run = lifecycle.claim(workspace, lifecycle.again(workspace, replace(search_of(workspace), config=config)))
    trying = Trying(workspace, config)

    def hand(order: Order, goes_on: GoesOn, listener: Listener) -> Measured | None:
        """Time is up for the first repeat, and the second brings its process down."""
        if order.recipe.seed == 2:
            raise RunFailed(plain("killed"), plain("for want of memory"))
        return trying(replace(order, seconds=-1.0) if order.recipe.seed == 1 else order, goes_on, listener)

    with held(workspace, run, silent) as hold:
        scores = Searching(workspace, run, spaces_from(config.search.space), [hand], hold).repeated(best)
    assert scores == [best.score, trials_of(workspace)[-1].score]
    assert [trial.status for trial in trials_of(workspace)] == ["finished", "paused", "failed", "finished"]


def test_the_version_is_tuned_on_the_rows_of_the_trials(workspace: Workspace) -> None:
    def move(event: Event) -> None:
        if event.kind == "trial":
            add(with_splits()[:60], name=NAME, workspace=workspace)

    result = quick(workspace, trials=1, seeds=1, listener=move)
    assert result.version is not None
    assert (result.version.name, result.version.dataset_id) == (NAME, result.run.config.dataset)


def test_a_search_cut_off_after_its_version_was_stored_tunes_no_second(workspace: Workspace) -> None:
    def crash(event: Event) -> None:
        if event.kind == "stored":
            raise OSError("the machine stopped")

    with pytest.raises(OSError, match="stopped"):
        quick(workspace, trials=1, seeds=1, listener=crash)
    result = quick(workspace, trials=1, seeds=1)
    assert workspace.store.find(ModelVersion) == [result.version]
    assert result.run.version_id == result.version.id
