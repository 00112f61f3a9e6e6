"""What the user left open is derived from the data, and what cannot be learnt is refused before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tuneworks.core.errors import InvalidConfig, NotFound, TuneworksError, UnsuitableData
from tuneworks.core.types import Event, Recipe, RunConfig, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.default_bases import CHINESE_BASE, ENGLISH_BASE, default_base
from tuneworks.flows.plan_run import complete_config, plan_run
from tuneworks.testing.workspaces import sample_rows

ROWS = sample_rows(200)


@pytest.fixture
def workspace(tmp_path: Path):
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(ROWS, name="tickets", workspace=opened)
        yield opened


def refused(workspace: Workspace, error: type[TuneworksError], **config: Any) -> TuneworksError:
    with pytest.raises(error) as caught:
        plan_run(workspace, RunConfig(**{"dataset": "tickets"} | config))
    assert all((caught.value.problem.zh, caught.value.fix.en, caught.value.fix.zh))
    return caught.value


def test_a_dataset_alone_says_everything(workspace: Workspace) -> None:
    plan = plan_run(workspace, RunConfig(dataset="tickets"))
    spec, recipe = plan.config.spec, plan.config.recipe
    assert (plan.config.name, plan.config.dataset) == ("tickets", plan.dataset.id)
    assert (spec.task, spec.target, spec.inputs) == ("text-classification", "topic", {"text": "text"})
    assert (spec.labels, spec.metric, spec.split) == (("delivery", "payment"), "accuracy", "content")
    assert (recipe.base, recipe.method) == (CHINESE_BASE, "auto")
    assert len(plan.data.train) + len(plan.data.validation) + len(plan.data.test) == 200


def test_a_complete_configuration_is_complete(workspace: Workspace) -> None:
    once = complete_config(workspace, RunConfig(dataset="tickets"))
    assert complete_config(workspace, once) == once


def test_what_the_user_said_is_kept(workspace: Workspace) -> None:
    spec = TaskSpec(metric="macro_f1", labels=("payment", "delivery"), split="content")
    recipe = Recipe("ngrams", "head", seed=9, options={"balanced": True})
    made = complete_config(workspace, RunConfig(name="mine", dataset="tickets", spec=spec, recipe=recipe))
    assert (made.name, made.spec.metric, made.spec.labels) == ("mine", "macro_f1", ("payment", "delivery"))
    assert (made.recipe.base, made.recipe.seed, made.recipe.options["balanced"]) == ("ngrams", 9, True)


def test_a_dataset_named_by_its_id_gives_the_model_its_name(workspace: Workspace) -> None:
    id = plan_run(workspace, RunConfig(dataset="tickets")).dataset.id
    assert plan_run(workspace, RunConfig(dataset=id[:12])).config.name == "tickets"


def test_the_base_follows_the_language_of_the_texts() -> None:
    assert default_base("text", ["where is my parcel"]) == ENGLISH_BASE
    assert default_base("text", ["包裹什么时候到"]) == CHINESE_BASE


def test_rows_without_a_target_are_left_out_with_a_warning(workspace: Workspace) -> None:
    bare = [{"text": f"nobody labelled this {i}", "topic": None} for i in range(30)]
    add([*ROWS, *bare], name="gaps", workspace=workspace)
    heard: list[Event] = []
    plan = plan_run(workspace, RunConfig(dataset="gaps"), heard.append)
    assert [(event.kind, event.message.en[:7]) for event in heard] == [("warning", "30 rows")]
    assert "30" in heard[0].message.zh
    sides = (plan.data.train, plan.data.validation, plan.data.test)
    assert sum(map(len, sides)) == 200
    assert all((side.targets >= 0).all() for side in sides)


def test_a_label_of_test_rows_alone_is_not_known_to_the_model(workspace: Workspace) -> None:
    rows = [{**row, "split": "train"} for row in ROWS[:150]]
    rows += [{**row, "split": "validation"} for row in ROWS[150:175]]
    rows += [{**row, "split": "test"} for row in ROWS[175:]]
    rows += [{"text": f"please refund {i}", "topic": "refund", "split": "test"} for i in range(5)]
    add(rows, name="split", workspace=workspace)
    plan = plan_run(workspace, RunConfig(dataset="split"))
    assert plan.data.spec.split == "column(split)"
    assert plan.data.spec.labels == ("delivery", "payment")
    assert sorted(set(plan.data.test.targets.tolist())) == [-1, 0, 1]
    assert [len(side) for side in (plan.data.train, plan.data.validation, plan.data.test)] == [150, 25, 30]


def test_a_single_label_teaches_nothing(workspace: Workspace) -> None:
    add([{**row, "topic": "same"} for row in ROWS], name="same", kinds={"topic": "category"}, workspace=workspace)
    error = refused(workspace, UnsuitableData, dataset="same", spec=TaskSpec(target="topic"))
    assert "same" in error.problem.en
    assert "at least two" in error.fix.en


def test_too_few_rows_to_hold_any_out_are_refused(workspace: Workspace) -> None:
    add([{**row, "split": "train"} for row in ROWS[:4]], name="few", workspace=workspace)
    error = refused(workspace, UnsuitableData, dataset="few")
    assert "test" in error.problem.en
    assert "more rows" in error.fix.en


@pytest.mark.parametrize(
    ("config", "error", "named"),
    [
        ({"dataset": None}, InvalidConfig, "No dataset"),
        ({"dataset": "tickts"}, NotFound, "tickts"),
        ({"spec": TaskSpec(target="topics")}, InvalidConfig, "topics"),
        ({"spec": TaskSpec(target="text")}, InvalidConfig, "text"),
        ({"spec": TaskSpec(task="text-clasification")}, InvalidConfig, "text-clasification"),
        ({"spec": TaskSpec(task="token-classification")}, InvalidConfig, "spans"),
        ({"spec": TaskSpec(metric="applause")}, InvalidConfig, "applause"),
        ({"spec": TaskSpec(inputs={"body": "text"})}, InvalidConfig, "body"),
        ({"spec": TaskSpec(split="fairly")}, InvalidConfig, "fairly"),
        ({"spec": TaskSpec(split="column(absent)")}, InvalidConfig, "absent"),
        ({"recipe": Recipe("ngrams", "haed")}, InvalidConfig, "haed"),
        ({"recipe": Recipe("ngrams", options={"strenghts": [1.0]})}, InvalidConfig, "strenghts"),
        ({"recipe": Recipe("ngrams", options={"strengths": "strong"})}, InvalidConfig, "strong"),
        ({"recipe": Recipe("ngrams", options={"strengths": []})}, InvalidConfig, "strengths"),
        ({"recipe": Recipe("ngrams", options={"strengths": [1.0, 0.0]})}, InvalidConfig, "strengths"),
        ({"recipe": Recipe("ngrams", "full", options={"dropout": "much"})}, InvalidConfig, "dropout"),
        ({"recipe": Recipe("ngrams", "zero-shot", options={"sentences": 3})}, InvalidConfig, "sentences"),
        ({"recipe": Recipe("ngrams", "full", options={"dropout": -1})}, InvalidConfig, "recipe.options.dropout"),
        ({"recipe": Recipe("ngrams", "full", options={"dropout": 1})}, InvalidConfig, "below 1; received 1"),
        ({"recipe": Recipe("ngrams", "full", options={"warm_up": 3})}, InvalidConfig, "at most 1; received 3"),
        ({"recipe": Recipe("ngrams", "full", options={"weight_decay": -0.1})}, InvalidConfig, "weight_decay"),
        ({"recipe": Recipe("ngrams", "full", options={"patience": -1})}, InvalidConfig, "at least 1; received -1"),
        ({"recipe": Recipe("ngrams", "full", options={"clip": 0})}, InvalidConfig, "above 0; received 0"),
        ({"recipe": Recipe("ngrams", "full", options={"minimum_delta": -0.5})}, InvalidConfig, "minimum_delta"),
        ({"recipe": Recipe("ngrams", "full", options={"class_weights": "equal"})}, InvalidConfig, "balanced"),
        ({"spec": TaskSpec(options={"labelsentences": {}})}, InvalidConfig, "spec.options.labelsentences"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    workspace: Workspace, config: dict[str, Any], error: type[TuneworksError], named: str
) -> None:
    assert named in refused(workspace, error, **config).problem.en
