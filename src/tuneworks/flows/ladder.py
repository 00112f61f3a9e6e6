"""The ladder: methods from cheap to dear, climbed until the goal is met or the budget is spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tuneworks.core.errors import OverBudget
from tuneworks.core.evaluation import Table
from tuneworks.core.events import Listener, tell
from tuneworks.core.records import from_json, to_json
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Recipe, Score
from tuneworks.core.workspace import Workspace
from tuneworks.flows.budget import Budget
from tuneworks.flows.fitting import Fitted
from tuneworks.flows.plan_run import Plan

FILE = "ladder.json"
TRIED = Text("tried", "已尝试")
KEPT = Text("kept: the best", "采用：最佳")
MET = Text("kept: surely meets the goal", "采用：确定达到目标")
SPENT = Text("not tried: the budget is spent", "未尝试：预算已用完")
NOT_NEEDED = Text("not tried: the goal is met", "未尝试：目标已达到")
TITLE = Text("The ladder: methods from cheap to dear", "阶梯：方法由省到费")
COLUMNS = (
    Text("method", "方法"),
    Text("base", "基础模型"),
    Text("validation", "验证"),
    Text("low", "下限"),
    Text("high", "上限"),
    Text("seconds", "秒"),
    Text("outcome", "结果"),
)

Fit = Callable[[Recipe, Path, Listener], Fitted]


@dataclass(frozen=True)
class Rung:
    """A recipe of the ladder: what it measured on validation rows, what it took, and what became of it."""

    recipe: Recipe
    outcome: Text
    validation: Score | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Climb:
    """The model that a ladder kept, the plan with its recipe alone, and every rung."""

    fitted: Fitted
    plan: Plan
    rungs: tuple[Rung, ...]


def climb(plan: Plan, fit: Fit, folder: Path, listener: Listener) -> Climb:
    """Fit the plan's recipes from cheap to dear; the first that surely meets the goal ends it, else the best is kept.

    A model surely meets the goal where the worse bound of its 95 % interval on validation rows does. The first recipe
    is fitted whatever the budget, where there are others; one that would not be done in time is left out.
    """
    data, goal = plan.data, plan.config.goal
    scoring = len(data.test) / (len(data.train) + len(data.validation))
    budget = Budget(plan.config.budget, plan.began, scoring)
    first, *dearer = plan.rungs
    began = time.monotonic()
    best = fit(first, folder / "rung_0", listener if dearer else budget.watch(listener))
    budget.fitted = time.monotonic() - began
    rungs = [Rung(first, TRIED, best.validation, budget.fitted)]
    _tell_rung(rungs, plan, listener)
    for number, recipe in enumerate(dearer, start=1):
        if meets(best, goal) or budget.seconds_left <= 0:
            rungs.append(Rung(recipe, NOT_NEEDED if meets(best, goal) else SPENT))
            continue
        began = time.monotonic()
        try:
            fitted = fit(recipe, folder / f"rung_{number}", budget.watch(listener))
        except OverBudget as over:
            rungs.append(Rung(recipe, _too_long(over.seconds), seconds=time.monotonic() - began))
            continue
        rungs.append(Rung(recipe, TRIED, fitted.validation, time.monotonic() - began))
        _tell_rung(rungs, plan, listener)
        if _is_better(fitted, best):
            best, budget.fitted = fitted, rungs[-1].seconds
    outcome = MET if meets(best, goal) else KEPT
    told = [replace(rung, outcome=outcome) if rung.validation is best.validation else rung for rung in rungs]
    return Climb(best, plan.settled(best.recipe), tuple(told))


def meets(fitted: Fitted, goal: float | None) -> bool:
    """Whether the worse bound on validation rows reaches the goal."""
    score = fitted.validation
    if goal is None or score is None:
        return False
    return score.high <= goal if fitted.less_is_better else score.low >= goal


def kept(rungs: Sequence[Rung]) -> dict[str, bytes]:
    """The ladder as a part of its version."""
    return {FILE: to_json(tuple(rungs)).encode()}


def table_of(workspace: Workspace, version: ModelVersion) -> tuple[Table, ...]:
    """The ladder that a version was kept of, for its report; none where its method was named."""
    blob = version.parts.get(FILE)
    if blob is None:
        return ()
    rungs = from_json(tuple[Rung, ...], workspace.blobs.read(blob).decode())
    return (Table("ladder", TITLE, COLUMNS, tuple(_cells(rung) for rung in rungs)),)


def base_name(recipe: Recipe) -> str:
    """A recipe's bases in one line."""
    base = recipe.base
    if base is None or isinstance(base, str):
        return base or "-"
    return " + ".join(dict.fromkeys(address for addresses in base.values() for address in addresses))


def _is_better(fitted: Fitted, best: Fitted) -> bool:
    if fitted.validation is None or best.validation is None:
        return False
    gain = fitted.validation.value - best.validation.value
    return gain < 0 if fitted.less_is_better else gain > 0


def _too_long(seconds: float) -> Text:
    return Text(f"not tried: about {seconds / 60:.1f} min more", f"未尝试：还需约 {seconds / 60:.1f} 分钟")


def _tell_rung(rungs: list[Rung], plan: Plan, listener: Listener) -> None:
    if len(plan.rungs) == 1:
        return
    rung = rungs[-1]
    score = rung.validation
    figures = f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]" if score else "-"
    place = f"{len(rungs)}/{len(plan.rungs)} {rung.recipe.method}, {base_name(rung.recipe)}"
    tell(
        listener,
        "rung",
        Text(
            f"rung {place}: validation {figures}, {rung.seconds:.0f} s",
            f"阶梯 {place}：验证 {figures}，{rung.seconds:.0f} 秒",
        ),
    )


def _cells(rung: Rung) -> tuple[object, ...]:
    score = rung.validation
    figures = (score.value, score.low, score.high) if score else (None, None, None)
    return (rung.recipe.method, base_name(rung.recipe), *figures, round(rung.seconds, 1) or None, rung.outcome)
