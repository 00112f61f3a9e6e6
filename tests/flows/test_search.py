"""A search finds good settings without a look at test rows, keeps to its time, and goes on where it was cut off."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.flows.searches import quick, with_splits
from tests.tiny import tiny_encoder
from tuneworks.core.config import read_config
from tuneworks.core.errors import Conflict, InvalidConfig, OverBudget
from tuneworks.core.types import Event, ModelVersion, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.search import SearchResult, search
from tuneworks.flows.tune import tune
from tuneworks.flows.work import work
from tuneworks.testing.workspaces import NAME

RATE, EPOCHS = "recipe.learning_rate", 12


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


@pytest.fixture
def workspace(tmp_path: Path):
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(with_splits(), name=NAME, workspace=opened)
        yield opened


def searched(workspace: Workspace, base: str, dataset: str = NAME, **asked: Any) -> SearchResult:
    """A search for the learning rate of an encoder that begins from nothing."""
    settings = {
        "recipe.epochs": EPOCHS,
        "recipe.batch_tokens": 128,
        "recipe.options.patience": EPOCHS,  # what ends a trial early is the search
        "recipe.options.start_from_linear": False,
    }
    space = {RATE: "log(1e-6, 1e-1)"}
    words = {"target": "topic", "base": base, "method": "full", "space": space, "settings": settings, "workers": 0}
    return search(dataset, workspace=workspace, **{**words, **asked})


def tried(result: SearchResult) -> list[tuple[float, str, float | None]]:
    return [(trial.values[RATE], trial.outcome, trial.score) for trial in result.trials]


def test_it_finds_the_good_region_and_gives_up_on_the_rest(workspace: Workspace, tiny: str) -> None:
    result = searched(workspace, tiny, trials=10, seeds=3)
    assert result.best.score == max(trial.score or 0.0 for trial in result.trials if trial.outcome == "measured")
    assert 3e-4 < result.best.values[RATE] < 5e-2
    assert (result.best.score or 0) > 0.9
    given_up = [trial for trial in result.trials if trial.outcome == "given_up"]
    assert len(given_up) >= 4
    assert all(len(trial.points) < 3 for trial in given_up)
    assert len(result.seeds) == 3
    assert result.repeated.low <= result.repeated.value <= result.repeated.high
    assert result.importance == {RATE: pytest.approx(1.0)}
    version = result.version
    assert version is not None
    assert version.recipe.learning_rate == result.best.values[RATE]
    assert read_config(result.files.config).recipe.learning_rate == result.best.values[RATE]
    trial_runs = workspace.store.find(Run, kind="trial", parent_id=result.run.id)
    with pytest.raises(Conflict, match="goes on with it"):
        work(run=trial_runs[0].id, workspace=workspace)
    assert {run.status for run in trial_runs} == {"finished"}
    assert (result.run.status, result.run.kind) == ("running", "search")


def test_the_report_tells_it_all_in_both_languages(workspace: Workspace) -> None:
    result = quick(workspace, trials=3, seeds=1, store=False)
    page, facts = result.files.html.read_text(), json.loads(result.files.json.read_text())
    for words in (
        "Search report",
        "搜索报告",
        "given up early",
        "提前放弃",
        "How trials learnt",
    ):
        assert words in page
    assert page.count("<svg") >= 3
    assert "http" not in page.replace("http://www.w3.org", "")
    assert [trial["values"] for trial in facts["trials"]] == [dict(trial.values) for trial in result.trials]
    assert result.version is None
    assert workspace.store.find(ModelVersion) == []
    made = tune(NAME, config=read_config(result.files.config), workspace=workspace)
    assert made.recipe.options["strengths"] == result.best.values["recipe.options.strengths"]


def test_test_rows_change_nothing(workspace: Workspace, tiny: str) -> None:
    first = searched(workspace, tiny, trials=2, seeds=2, store=False)
    wrong = {"delivery": "payment", "payment": "delivery"}
    rows = [
        {**row, "text": "unreadable", "topic": wrong[row["topic"]]} if row["split"] == "test" else row
        for row in with_splits()
    ]
    add(rows, name="other", workspace=workspace)
    second = searched(workspace, tiny, "other", trials=2, seeds=2, store=False)
    assert tried(first) == tried(second)
    assert first.seeds == second.seeds
    assert first.run.id != second.run.id


def test_the_same_words_go_on_with_more_trials(workspace: Workspace) -> None:
    few, more = (quick(workspace, trials=trials, seeds=1, store=False) for trials in (2, 4))
    assert more.run.id == few.run.id
    assert more.trials[:2] == few.trials
    assert len(more.trials) == 4


def test_trials_that_do_not_end_in_time_are_an_error_that_says_how_much_it_takes(
    workspace: Workspace, tiny: str
) -> None:
    endless = {"recipe.epochs": 5000, "recipe.options.patience": 5000}
    with pytest.raises(OverBudget) as caught:
        searched(workspace, tiny, settings=endless, minutes=0.05, store=False)
    assert caught.value.seconds > 10
    assert [run.status for run in workspace.store.find(Run, kind="trial")] == ["paused"]


@pytest.mark.parametrize(
    ("space", "named"),
    [
        ({"recipe.learning_rat": "log(1e-5, 1e-3)"}, "recipe.learning_rate"),
        ({"recipe.options.dropuot": "between(0, 0.3)"}, "recipe.options.dropout"),
        ({"recipe.options.dropout": "between(0, 3)"}, "below 1"),
        ({"recipe.learning_rate": "log(0, 1e-3)"}, "log(LOW, HIGH)"),
        ({"recipe.learning_rate": 3}, "log(LOW, HIGH)"),
        ({"recipe.epochs": "between(1.5, 3)"}, "whole number"),
        ({"recipe.seed": "between(1, 3)"}, "seed"),
        ({"spec.metric": 'one_of("accuracy", "macro_f1")'}, "recipe"),
    ],
)
def test_a_space_that_does_not_suit_is_refused(workspace: Workspace, tiny: str, space: Any, named: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        searched(workspace, tiny, space=space)
    assert named in f"{caught.value.problem.en} {caught.value.fix.en}"
    assert workspace.store.find(Run) == []


def test_what_the_user_sets_is_not_searched(workspace: Workspace, tiny: str) -> None:
    settings = {"recipe.epochs": 1, "recipe.options.dropout": 0.2}
    result = searched(workspace, tiny, space=None, settings=settings, trials=1, seeds=1, store=False)
    assert "recipe.options.dropout" not in result.best.values
    assert {RATE, "recipe.options.warm_up"} <= result.best.values.keys()


def test_progress_tells_the_best_so_far_and_the_time_left(workspace: Workspace) -> None:
    told: list[Event] = []
    quick(workspace, trials=2, seeds=1, store=False, listener=told.append)
    said = [event.message for event in told if event.kind == "trial"]
    assert [bool(re.search(r"trial \d of 2 .*best so far \d\.\d+ .*min left", text.en)) for text in said] == [True] * 2
    assert all("目前最佳" in text.zh for text in said)


def test_no_trial_is_thought_of_once_time_is_up(workspace: Workspace) -> None:
    began = time.monotonic()
    assert len(quick(workspace, trials=100_000, minutes=0.1, seeds=1).trials) < 1_000
    assert time.monotonic() - began < 15


@pytest.mark.long
def test_a_budget_holds(workspace: Workspace) -> None:
    minutes, began = 0.5, time.monotonic()
    result = quick(workspace, trials=10_000, minutes=minutes)
    assert 0.6 * 60 * minutes < time.monotonic() - began < 1.1 * 60 * minutes
    assert len(result.trials) > 5
    assert result.version is not None


def test_a_killed_search_ends_as_one_that_was_not(tmp_path: Path, tiny: str) -> None:
    ends = []
    for kills in (0, 1):
        root = tmp_path / f"killed {kills} times"
        with Workspace.open(root) as opened:
            add(with_splits(), name=NAME, workspace=opened)
        words = [NAME, "--target", "topic", "--base", tiny, "--method", "full", "--trials", "4", "--seeds", "1"]
        words += ["--space", f"{RATE}=log(1e-6, 1e-1)", "--set", f"recipe.epochs={EPOCHS}", "--no-store"]
        command = [sys.executable, "-m", "tuneworks", "--workspace", str(root), "search", *words]
        for _ in range(kills):
            _kill_within_the_second_trial(command, root)
        made = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=300)
        assert made.returncode == 0, made.stderr
        found = json.loads(made.stdout)
        ends.append([(t["values"], t["outcome"], [p["validation"] for p in t["points"]]) for t in found["trials"]])
        with Workspace.open(root) as opened:
            runs = opened.store.find(Run, kind="trial")
            assert len(runs) == 4
            assert any(run.claims > 1 for run in runs) == bool(kills)
    assert ends[0] == ends[1]


def _kill_within_the_second_trial(command: list[str], root: Path) -> None:
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("trial "):
            break
    with Workspace.open(root) as opened:
        while not opened.store.find(Run, kind="trial", status="running"):
            time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
