"""What tuning would cost and come to, told before it begins: each method tried on a few rows, and foretold for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuneworks.core.config import with_settings
from tuneworks.core.errors import OverBudget, TuneworksError
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.text import Text
from tuneworks.core.types import Recipe, RunConfig, Score
from tuneworks.core.workspace import Workspace
from tuneworks.flows.box import Box, box_of
from tuneworks.flows.ladder import base_name
from tuneworks.flows.plan_run import Plan, plan_run
from tuneworks.flows.probe import Try, probe
from tuneworks.flows.rungs import AUTO
from tuneworks.flows.tune import asked_of, stated
from tuneworks.statistics.extrapolation import by_growth, on_a_learning_curve, on_a_line

FITS = Text("fits", "可行")
TRIED = Text("trying methods on a few rows", "在少量数据上试运行各方法")


@dataclass(frozen=True)
class Estimate:
    """What a recipe would take and come to, by itself; ``verdict`` says whether that fits.

    ``score``: on validation rows; its interval reaches from what the trials measured to as far again past it.
    ``rows_tried``: 0 where it could not be tried, and so nothing is known but the verdict.
    """

    recipe: Recipe
    verdict: Text
    fits: bool = False
    minutes: float = 0.0
    peak_megabytes: float = 0.0
    disk_megabytes: float = 0.0
    score: Score | None = None
    rows_tried: int = 0


@dataclass(frozen=True)
class Forecast:
    """The plan of a run: an estimate for each recipe, from cheap to dear, and which to take."""

    config: RunConfig
    metric: str
    rows: int
    less_is_better: bool
    estimates: tuple[Estimate, ...]
    advised: Recipe
    advice: Text


def plan(
    dataset: str | None = None,
    *,
    target: str | None = None,
    task: str | None = None,
    base: str | Mapping[str, Sequence[str]] | None = None,
    method: str | None = None,
    goal: float | None = None,
    budget: float | None = None,
    config: RunConfig | None = None,
    settings: Mapping[str, Any] | None = None,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> Forecast:
    """Predict time, peak memory, disk and score of each method, or of the one named; ``budget`` is in minutes.

    Each is tried on a few rows in a process of its own; test rows are not looked at and nothing is stored. Where
    nothing fits, ``OverBudget`` names the nearest plan that does; where nothing could be tried, the first error says
    why.
    """
    workspace = workspace or Workspace.open()
    given = asked_of(config or RunConfig(), dataset, target, task, base, method, None)
    asked = with_settings(given, {**stated(goal=goal, budget=budget), **(settings or {})})
    whole = plan_run(workspace, asked, listener, dear=True)
    box = box_of(workspace.root, asked.budget)
    estimates, less, errors = _estimates(workspace, whole, box, listener)
    if len(errors) == len(estimates):
        raise errors[0]
    if not any(estimate.fits for estimate in estimates):
        raise _refusal(workspace, asked, estimates, box, listener)
    advised = _advised(estimates, asked.goal, less)
    return Forecast(
        whole.config,
        whole.data.spec.metric or "",
        len(whole.data.train),
        less,
        tuple(estimates),
        advised.recipe,
        _advice(advised, asked.goal, less),
    )


def _estimates(
    workspace: Workspace, whole: Plan, box: Box, listener: Listener
) -> tuple[list[Estimate], bool, list[TuneworksError]]:
    """One a recipe, whether less of their scores is better, and why those that could not be tried could not."""
    made: list[Estimate] = []
    errors: list[TuneworksError] = []
    less = False
    for number, recipe in enumerate(whole.rungs):
        advance(listener, TRIED, number, len(whole.rungs))
        try:
            tries = probe(workspace, replace(whole.config, recipe=recipe))
        except TuneworksError as error:
            made.append(Estimate(recipe, error.problem))
            errors.append(error)
            continue
        less = less or tries[-1].less_is_better
        made.append(_estimate(recipe, tries, whole, box))
    advance(listener, TRIED, len(whole.rungs), len(whole.rungs))
    return made, less, errors


def _estimate(recipe: Recipe, tries: Sequence[Try], whole: Plan, box: Box) -> Estimate:
    """What the tries foretell for all rows."""
    data, read = whole.data, [one.read for one in tries]
    everything = len(data.train) + len(data.validation) + len(data.test)
    minutes = on_a_line(read, [one.seconds for one in tries], everything) / 60
    peak = by_growth(read, [one.peak_megabytes for one in tries], everything)
    disk = on_a_line(read, [one.disk_megabytes for one in tries], everything)
    over = box.over(minutes, peak, disk)
    score = _score(tries, len(data.train))
    return Estimate(recipe, over or FITS, over is None, minutes, peak, disk, score, tries[-1].rows)


def _score(tries: Sequence[Try], rows: int) -> Score | None:
    """Where the learning curve leads; all of it measured where the last try had all rows."""
    measured = [one for one in tries if one.validation is not None]
    if not measured:
        return None
    last, less = measured[-1].validation, measured[-1].less_is_better
    assert last is not None
    errors = [(one.validation.value if less else 1 - one.validation.value) for one in measured if one.validation]
    error = on_a_learning_curve([one.rows for one in measured], errors, rows)
    value = error if less else 1 - error
    further = value + (value - last.value)
    return Score(value, min(last.low, further, value), max(last.high, further, value))


def _advised(estimates: Sequence[Estimate], goal: float | None, less: bool) -> Estimate:
    """The cheapest that fits and is expected to meet the goal, else the one that is expected to be best."""
    fitting = [estimate for estimate in estimates if estimate.fits]
    meeting = [estimate for estimate in fitting if _meets(estimate, goal, less)]
    if meeting:
        return min(meeting, key=lambda estimate: estimate.minutes)
    return max(fitting, key=lambda estimate: _worth(estimate, less))


def _meets(estimate: Estimate, goal: float | None, less: bool) -> bool:
    if goal is None or estimate.score is None:
        return False
    return estimate.score.value <= goal if less else estimate.score.value >= goal


def _worth(estimate: Estimate, less: bool) -> float:
    if estimate.score is None:
        return float("-inf")
    return -estimate.score.value if less else estimate.score.value


def _advice(advised: Estimate, goal: float | None, less: bool) -> Text:
    """Which to take, and why."""
    named = f"--method {advised.recipe.method} ({base_name(advised.recipe)})"
    if _meets(advised, goal, less):
        return Text(
            f"{named} is the cheapest that is expected to meet the goal.", f"{named} 是预计能达到目标的最省方案。"
        )
    if goal is not None:
        return Text(
            f"None is expected to meet the goal; {named} is expected to come nearest.",
            f"预计没有方案能达到目标；{named} 预计最接近。",
        )
    return Text(f"{named} is expected to be best of what fits.", f"在可行方案中，{named} 预计最好。")


def _refusal(
    workspace: Workspace, asked: RunConfig, estimates: Sequence[Estimate], box: Box, listener: Listener
) -> OverBudget:
    """What does not fit, and the nearest plan that does: fewer epochs, else a cheaper method."""
    first = min((one for one in estimates if one.rows_tried), key=lambda estimate: estimate.minutes)
    problem = Text(
        f"{first.recipe.method} ({base_name(first.recipe)}) does not fit: {first.verdict.en}",
        f"{first.recipe.method}（{base_name(first.recipe)}）不可行：{first.verdict.zh}",
    )
    return OverBudget(problem, _nearest(workspace, asked, first, box, listener), 60 * first.minutes)


def _nearest(workspace: Workspace, asked: RunConfig, first: Estimate, box: Box, listener: Listener) -> Text:
    epochs = first.recipe.epochs or 0
    for fewer in range(epochs - 1, 0, -1):
        minutes = first.minutes * fewer / epochs
        if box.over(minutes, first.peak_megabytes, first.disk_megabytes) is None:
            return Text(
                f"The nearest plan that fits: --set recipe.epochs={fewer} (about {minutes:.1f} min).",
                f"最接近的可行方案：--set recipe.epochs={fewer}（约 {minutes:.1f} 分钟）。",
            )
    if asked.recipe.method not in (None, AUTO):
        open_ended = replace(asked, recipe=replace(asked.recipe, method=AUTO, epochs=None, options={}))
        others, less, _ = _estimates(workspace, plan_run(workspace, open_ended, dear=False), box, listener)
        if any(other.fits for other in others):
            best = _advised(others, None, less)
            return Text(
                f"The nearest plan that fits: --method {best.recipe.method} ({base_name(best.recipe)}), "
                f"about {best.minutes:.1f} min and {best.peak_megabytes:.0f} MB.",
                f"最接近的可行方案：--method {best.recipe.method}（{base_name(best.recipe)}），"
                f"约 {best.minutes:.1f} 分钟、{best.peak_megabytes:.0f} MB。",
            )
    return Text(
        "Give it a larger budget or a larger machine, or fewer rows.", "请增大预算、换用更大的机器，或减少数据。"
    )
