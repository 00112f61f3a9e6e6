"""Folds: every row is held out once, and by a fit that saw neither its group nor what it is answered with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tuneworks.core import registry
from tuneworks.core.types import TaskSpec
from tuneworks.flows.plan_run import split_rows
from tuneworks.statistics.folds import FOLDS, Fold, folds_of

FORECASTING = "time-series-forecasting"


def held_out_once(folds: list[Fold], count: int) -> bool:
    return sorted(np.concatenate([fold.choose_on for fold in folds]).tolist()) == list(range(count))


def windows(history: int, horizon: int, *, marked: bool) -> tuple[TaskSpec, list[Any], list[str]]:
    """The task's own series of 300 days, cut: the spec, train and validation windows, and all days."""
    task = registry.load("tasks", FORECASTING)()
    columns, rows = task.sample(300, 0)
    if marked:
        sides = ["train"] * 240 + ["validation"] * 30 + ["test"] * 30
        rows = [{**row, "split": side} for row, side in zip(rows, sides, strict=True)]
    options = {"history": history, "horizon": horizon}
    split = "column(split)" if marked else None
    spec, parts = split_rows(task, TaskSpec(task=FORECASTING, options=options, split=split), columns, rows)
    return spec, [*parts["train"], *parts["validation"]], [row["day"] for row in rows]


@pytest.mark.parametrize("split", ["content", "column(side)", "group(none)", "time(none)"])
def test_rows_that_nothing_ties_are_folded_as_they_always_were(split: str) -> None:
    rows = [{"text": str(number), "side": "train"} for number in range(101)]
    dealt = np.random.default_rng(3).permutation(101) % FOLDS
    folds = folds_of(rows, TaskSpec(split=split), 3)
    assert [fold.choose_on.tolist() for fold in folds] == [np.flatnonzero(dealt == n).tolist() for n in range(FOLDS)]
    assert [fold.fit_on.tolist() for fold in folds] == [np.flatnonzero(dealt != n).tolist() for n in range(FOLDS)]


@pytest.mark.parametrize("classes", [None, 3])
def test_a_group_is_held_out_whole_however_it_is_written(classes: int | None) -> None:
    patients = np.random.default_rng(0).integers(0, 40, 200)
    rows = [{"patient": f"p {p}" if number % 2 else f"P  {p}"} for number, p in enumerate(patients)]
    targets = None if classes is None else patients % classes
    folds = folds_of(rows, TaskSpec(split="group(patient)"), 0, targets=targets)
    assert len(folds) == FOLDS
    assert held_out_once(folds, len(rows))
    for fold in folds:
        assert not set(patients[fold.fit_on]) & set(patients[fold.choose_on])


def test_groups_of_every_class_are_in_every_fold() -> None:
    patients = np.repeat(np.arange(30), 4)
    rows = [{"patient": int(patient)} for patient in patients]
    folds = folds_of(rows, TaskSpec(split="group(patient)"), 0, targets=patients % 3)
    assert all(np.bincount(patients[fold.choose_on] % 3).tolist() == [8, 8, 8] for fold in folds)


def test_time_is_held_out_in_stretches_and_equal_times_together() -> None:
    days = np.random.default_rng(0).integers(0, 23, 200)
    folds = folds_of([{"day": int(day)} for day in days], TaskSpec(split="time(day)"), 0)
    assert held_out_once(folds, len(days))
    stretches = [sorted(set(days[fold.choose_on])) for fold in folds]
    assert [day for stretch in stretches for day in stretch] == sorted(set(days))
    for fold, stretch in zip(folds, stretches, strict=True):
        assert sorted(set(days[fold.fit_on])) == sorted(set(days) - set(stretch))


@pytest.mark.parametrize("marked", [False, True])
def test_no_window_that_is_fitted_on_holds_a_value_that_a_held_out_one_is_to_forecast(marked: bool) -> None:
    history, horizon = 14, 3
    spec, rows, days = windows(history, horizon, marked=marked)
    ends = np.array([days.index(row["day"]) for row in rows])
    folds = folds_of(rows, spec, 0, coming=horizon)
    assert len(folds) == FOLDS
    assert held_out_once(folds, len(rows))
    for fold in folds:
        answers = {end + step for end in ends[fold.choose_on] for step in range(1, horizon + 1)}
        learnt = {end + step for end in ends[fold.fit_on] for step in range(1 - history, horizon + 1)}
        assert not answers & learnt
        assert len(fold.fit_on) >= len(rows) - len(fold.choose_on) - history - 2 * horizon


def test_windows_longer_than_a_stretch_leave_something_to_fit_on() -> None:
    spec, rows, _ = windows(120, 3, marked=False)
    folds = folds_of(rows, spec, 0, coming=3)
    assert held_out_once(folds, len(rows))
    assert all(len(fold.fit_on) > len(rows) / FOLDS for fold in folds)


def test_windows_of_a_user_s_own_split_are_tied_by_their_group() -> None:
    rows = [{"machine": n % 20, "hour": [n // 20, n // 20 + 1]} for n in range(200)]
    options = {"window": 2, "group": "machine", "order": "hour"}
    spec = TaskSpec(split="column(side)", kinds={"hour": "series"}, options=options)
    for fold in folds_of(rows, spec, 0):
        machines = [{rows[n]["machine"] for n in part.tolist()} for part in (fold.fit_on, fold.choose_on)]
        assert not machines[0] & machines[1]
