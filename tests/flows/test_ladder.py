"""The ladder: cheap before dear, no dearer than the goal asks, never past the budget, and all of it told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tiny import tiny_encoder
from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig, OverBudget
from tuneworks.core.events import Listener, advance
from tuneworks.core.text import plain
from tuneworks.core.types import Event, RunConfig, Score
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.baselines import baselines, keep
from tuneworks.flows.budget import Budget
from tuneworks.flows.default_bases import is_pretrained
from tuneworks.flows.fitting import Fitted, fit
from tuneworks.flows.ladder import meets
from tuneworks.flows.plan_run import plan_run
from tuneworks.flows.tune import tune
from tuneworks.testing.samples import sample_data
from tuneworks.testing.workspaces import NAME, sample_rows

CONFIG = RunConfig(dataset=NAME)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(sample_rows(), name=NAME, workspace=opened)
        yield opened


def rungs(workspace: Workspace, **stated: object) -> list[tuple[str | None, object]]:
    plan = plan_run(workspace, replace(CONFIG, **stated))
    return [(recipe.method, recipe.base) for recipe in plan.rungs]


def test_cheap_stands_before_dear_and_what_needs_no_weights_first(workspace: Workspace) -> None:
    listed = rungs(workspace, goal=0.9)
    methods = [method for method, _ in listed]
    assert listed[0] == ("head", {"text": ("ngrams",)})
    assert methods.index("zero-shot") < methods.index("head", 1) < methods.index("full")
    assert all(is_pretrained(str(base)) for method, base in listed if method == "full")


@pytest.mark.parametrize(("words", "many"), [("parcel {} is late", 21), ("包裹 {} 晚了", 201)])
def test_n_grams_wait_where_they_would_learn_many_labels(words: str, many: int, tmp_path: Path) -> None:
    first = []
    for labels in (many - 1, many):
        with Workspace.open(tmp_path / str(labels)) as workspace:
            rows = [{"text": words.format(n), "topic": f"label {n % labels}"} for n in range(labels * 6)]
            add(rows, name=NAME, workspace=workspace)
            listed = rungs(workspace, goal=0.9)
        first.append(listed.index(("head", {"text": ("ngrams",)})))
        methods = [method for method, _ in listed]
        assert methods.index("zero-shot") < methods.index("freeze") < methods.index("full")
    assert first[0] == 0
    assert methods[1 : first[1] + 1] == ["head"] * 3
    assert methods[first[1] + 1] == "freeze"


def test_dear_methods_wait_until_a_goal_or_a_budget_is_stated(workspace: Workspace) -> None:
    assert "full" not in [method for method, _ in rungs(workspace)]
    assert "full" in [method for method, _ in rungs(workspace, budget=5.0)]


def test_where_no_rung_stands_the_tasks_own_method_says_why(workspace: Workspace) -> None:
    columns, rows = registry.load("tasks", "text-generation")().sample(120, 0)
    add(rows, name="titles", kinds={column.name: column.kind for column in columns}, workspace=workspace)
    with pytest.raises(InvalidConfig, match="writes"):
        tune("titles", task="text-generation", base="ngrams", workspace=workspace)


def test_a_named_method_is_the_only_rung(workspace: Workspace) -> None:
    recipe = replace(CONFIG.recipe, method="head", base="ngrams")
    assert rungs(workspace, recipe=recipe, goal=0.9) == [("head", "ngrams")]


def test_one_methods_options_choose_no_ladder_but_belong_to_the_tasks_own(workspace: Workspace) -> None:
    recipe = replace(CONFIG.recipe, base="ngrams", options={"strengths": (1.0,)})
    assert rungs(workspace, recipe=recipe) == [("head", "ngrams")]
    with pytest.raises(InvalidConfig, match="several methods"):
        plan_run(workspace, replace(CONFIG, recipe=replace(recipe, method="auto")))


def test_the_first_rung_that_surely_meets_the_goal_ends_it(workspace: Workspace, tiny: str) -> None:
    version = tune(NAME, base=tiny, settings={"goal": 0.3}, workspace=workspace)
    report = json.loads((workspace.reports / version.label / "report.json").read_text())
    ladder = next(table for table in report["evaluation"]["tables"] if table["name"] == "ladder")
    outcomes = [row[-1]["en"] for row in ladder["rows"]]
    kept = outcomes.index("kept: surely meets the goal")
    assert all(outcome == "tried" for outcome in outcomes[:kept])
    assert all(outcome == "not tried: the goal is met" for outcome in outcomes[kept + 1 :])
    assert ladder["rows"][kept][3] >= 0.3
    assert version.recipe.method == ladder["rows"][kept][0] != "auto"
    assert "surely meets the goal" in (workspace.reports / version.label / "report.html").read_text()


def test_without_a_goal_the_best_on_validation_rows_is_kept(workspace: Workspace, tiny: str) -> None:
    version = tune(NAME, base=tiny, workspace=workspace)
    report = json.loads((workspace.reports / version.label / "report.json").read_text())
    rows = next(table for table in report["evaluation"]["tables"] if table["name"] == "ladder")["rows"]
    best = max(rows, key=lambda row: row[2])
    assert best[-1]["en"] == "kept: the best"
    assert [row[0] for row in rows] == ["zero-shot", "head"]


def fitted(score: Score, *, less_is_better: bool = False) -> Fitted:
    data = sample_data("text-classification")
    output = data.task.output(data.spec)
    return Fitted(CONFIG.recipe, (), output, Path(), {}, (), score, less_is_better)


def test_a_goal_is_met_only_where_the_worse_bound_meets_it() -> None:
    assert meets(fitted(Score(0.93, 0.91, 0.95)), 0.91)
    assert not meets(fitted(Score(0.93, 0.91, 0.95)), 0.92)
    assert meets(fitted(Score(12.0, 11.0, 13.0), less_is_better=True), 13.0)
    assert not meets(fitted(Score(12.0, 11.0, 13.0), less_is_better=True), 12.5)
    assert not meets(fitted(Score(0.93, 0.91, 0.95)), None)


class Clock:
    """Seconds that go by one a look."""

    def __init__(self, pace: float) -> None:
        self.now, self.pace = 0.0, pace

    def __call__(self) -> float:
        self.now += self.pace
        return self.now


def work(listener: Listener, steps: int) -> None:
    for step in range(1, steps + 1):
        advance(listener, plain("epoch 1"), step, steps)


def test_work_that_would_end_after_the_budget_is_stopped_after_a_few_steps() -> None:
    heard: list[Event] = []
    listener = Budget(1.0, 0.0, clock=Clock(0.5)).watch(heard.append)
    with pytest.raises(OverBudget, match="about") as caught:
        work(listener, 1000)
    assert 5 <= len(heard) < 20
    assert caught.value.seconds > 60


def test_work_that_fits_is_let_through() -> None:
    listener = Budget(1.0, 0.0, clock=Clock(0.01)).watch(lambda event: None)
    work(listener, 1000)


def test_time_to_score_what_was_fitted_is_left() -> None:
    listener = Budget(1.0, 0.0, scoring=0.5, clock=Clock(0.02)).watch(lambda event: None)
    work(listener, 500)  # half a minute as the clock is looked at, and half of that to score it
    with pytest.raises(OverBudget):
        work(Budget(1.0, 0.0, scoring=1.0, clock=Clock(0.02)).watch(lambda event: None), 500)
    spent = Budget(1.0, 0.0, scoring=0.5, clock=Clock(40.0))
    assert spent.seconds_left > 0
    spent = Budget(1.0, 0.0, scoring=0.5, clock=Clock(40.0), fitted=36.0)
    assert spent.seconds_left < 0


def test_a_run_of_one_method_that_would_not_be_done_in_time_is_refused(workspace: Workspace, tiny: str) -> None:
    asked = {"budget": 1e-5, "recipe.epochs": 1}
    with pytest.raises(OverBudget, match="budget"):
        tune(NAME, base=tiny, method="full", settings=asked, workspace=workspace)


def test_a_ladder_keeps_its_first_rung_whatever_the_budget(workspace: Workspace) -> None:
    version = tune(NAME, settings={"budget": 1e-5}, workspace=workspace)
    assert (version.recipe.method, version.recipe.base) == ("head", {"text": ("ngrams",)})


def test_the_baseline_that_was_a_rung_is_not_fitted_twice(workspace: Workspace, tiny: str, tmp_path: Path) -> None:
    heard: list[Event] = []
    first = plan_run(workspace, CONFIG).rungs[0]
    plan = plan_run(workspace, replace(CONFIG, recipe=replace(CONFIG.recipe, base=tiny, method="head")))
    fitted = fit(plan.data, first, folder=tmp_path, cache=workspace.cache)
    keep(workspace, plan, first, fitted)
    names = [name.en for name, _ in baselines(workspace, plan, heard.append)]
    assert "character n-grams" in names
    told = {event.message.en for event in heard if event.kind == "baseline"}
    assert told == {"Fitting the baseline: base before tuning"}
