"""What a model must beat is fitted once a dataset, and is what it says it is."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import tiny_encoder
from tuneworks.core import registry
from tuneworks.core.bounded import MOST_BYTES, in_use
from tuneworks.core.types import Event, Recipe, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.baselines import BEFORE, NGRAMS, baselines
from tuneworks.flows.plan_run import Plan, plan_run
from tuneworks.statistics.shapes.shape import shape_of

MAJORITY = shape_of("classes").simplest


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory):
    with Workspace.open(tmp_path_factory.mktemp("baselines") / ".tuneworks") as opened:
        for name in registry.names("tasks"):
            columns, rows = registry.load("tasks", name)().sample(150, 0)
            add(rows, name=name, kinds={column.name: column.kind for column in columns}, workspace=opened)
        yield opened


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


def planned(workspace: Workspace, recipe: Recipe, dataset: str = "text-classification") -> Plan:
    return plan_run(workspace, RunConfig(dataset=dataset, recipe=recipe))


@pytest.mark.parametrize(
    ("dataset", "method"),
    [
        ("text-classification", "zero-shot"),
        ("text-classification", "head"),
        ("text-classification", "full"),
        ("token-classification", "head"),
        ("token-classification", "full"),
    ],
)
def test_a_tuned_encoder_must_beat_the_commonest_answer_n_grams_and_itself(
    workspace: Workspace, tiny: str, dataset: str, method: str
) -> None:
    plan = planned(workspace, Recipe(tiny, method), dataset)
    made = dict(baselines(workspace, plan))
    others = {BEFORE} if method != "head" or dataset == "text-classification" else set()
    assert made.keys() == {MAJORITY, NGRAMS} | others
    for scores in made.values():
        assert len(scores) == len(plan.data.test)
        plan.data.task.score(plan.data.spec, scores, plan.data.test)


def test_the_base_before_tuning_is_every_pretrained_base_of_the_version(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, second = (f"path:{tiny_encoder(tmp_path_factory.mktemp('many'), seed=seed)}" for seed in (1, 2))

    def before(*addresses: str) -> np.ndarray:
        return dict(baselines(workspace, planned(workspace, Recipe({"text": addresses}, "head"))))[BEFORE]

    both = before(first, second)
    assert not np.allclose(both, before(first))
    assert not np.allclose(both, before(second))
    assert np.allclose(both, before(first, "ngrams", second))


def test_n_grams_need_not_beat_themselves(workspace: Workspace) -> None:
    assert [name for name, _ in baselines(workspace, planned(workspace, Recipe("ngrams", "head")))] == [MAJORITY]


def test_the_commonest_answer_has_its_share(workspace: Workspace) -> None:
    plan = planned(workspace, Recipe("ngrams", "head"))
    ((_, scores),) = baselines(workspace, plan)
    shares = np.bincount(plan.data.train.targets) / len(plan.data.train)
    assert np.allclose(scores, shares)
    answers = plan.data.task.decode(plan.data.spec, scores, plan.data.test)
    assert {answer.label for answer in answers} == {plan.data.spec.labels[shares.argmax()]}


def test_a_second_time_nothing_is_fitted_and_everything_is_equal(workspace: Workspace, tiny: str) -> None:
    plan = planned(workspace, replace(Recipe(tiny, "head"), options={"max_length": 16}))
    heard: list[list[Event]] = [[], []]
    first, second = ([scores for _, scores in baselines(workspace, plan, events.append)] for events in heard)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert [event for event in heard[0] if event.kind == "baseline"]
    assert heard[1] == []


def test_other_weights_at_the_same_address_are_another_base_before_tuning(workspace: Workspace, tmp_path: Path) -> None:
    def before(seed: int) -> np.ndarray:
        address = f"path:{tiny_encoder(tmp_path / 'tiny', seed=seed)}"
        return dict(baselines(workspace, planned(workspace, Recipe(address, "full"))))[BEFORE]

    first, other, again = before(1), before(2), before(1)
    assert not np.allclose(first, other)
    assert np.array_equal(first, again)


def test_a_base_that_is_gone_is_left_out_and_told(workspace: Workspace, tmp_path: Path) -> None:
    plan = planned(workspace, Recipe(f"path:{tiny_encoder(tmp_path / 'moved')}", "head"))
    (tmp_path / "moved").rename(tmp_path / "elsewhere")
    heard: list[Event] = []
    assert dict(baselines(workspace, plan, heard.append)).keys() == {MAJORITY, NGRAMS}
    assert any(event.kind == "warning" and "left out" in event.message.en for event in heard)


def test_another_seed_is_fitted_for_itself(workspace: Workspace, tiny: str) -> None:
    heard: list[list[Event]] = [[], [], []]
    for seed, events in zip((5, 6, 5), heard, strict=True):
        list(baselines(workspace, planned(workspace, Recipe(tiny, "full", seed=seed)), events.append))
    told = [[event for event in events if event.kind == "baseline"] for events in heard]
    assert [len(events) for events in told] == [2, 2, 0]


def test_what_is_kept_of_baselines_is_bounded(workspace: Workspace, tiny: str) -> None:
    folder = workspace.cache / "baselines"
    with in_use(folder, "old"):
        (folder / "old.safetensors").touch()
        os.truncate(folder / "old.safetensors", MOST_BYTES + 1)  # a hole, which takes no room
    os.utime(folder / "old.used", (0, 0))
    list(baselines(workspace, planned(workspace, Recipe(tiny, "full"))))
    assert not (folder / "old.safetensors").exists()
