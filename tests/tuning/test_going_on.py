"""A training resumed from any of its steps ends in the same bytes as one that never stopped, or says why it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import tiny_encoder
from tuneworks.core import registry
from tuneworks.core.checkpoints import Checkpoints
from tuneworks.core.contracts import Job, Step
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Event, Recipe
from tuneworks.flows.fitting import fit
from tuneworks.flows.trails import ENVIRONMENT, Trail
from tuneworks.neural.training_state import BEST, PLACE
from tuneworks.testing.samples import job_of, output_of, sample_data

WAYS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "full": ("full", {"mixed_precision": "no"}),
    "mixed": ("full", {"mixed_precision": "bf16"}),
    "mixed, gradual": ("freeze", {"mixed_precision": "bf16", "gradual": True}),
    "accumulation": ("full", {"accumulation": 2, "start_from_linear": False}),
    "average": ("full", {"average": 0.9, "optimiser": "lion"}),
    "r-drop": ("full", {"r_drop": 1.0, "optimiser": "sgd"}),
    "adversarial": ("full", {"adversarial": 0.5, "optimiser": "adafactor", "balanced_batches": True}),
    "gradual": ("freeze", {"gradual": True, "layer_decay": 0.5}),
    "lora": ("lora", {"dora": True, "adapter_dropout": 0.2, "rank": 2}),
    "prompt": ("prompt", {"tokens": 3, "schedule": "cosine"}),
    "masked": ("masked-language-modelling", {"whole_words": True, "mixed_precision": "bf16"}),
}
TASKS = {"masked-language-modelling": "language-modelling"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


def job(address: str, folder: Path, method: str, **options: Any) -> Job:
    data = sample_data(TASKS.get(method, "text-classification"), 60)
    asked = Recipe(address, method, epochs=2, batch_tokens=250, learning_rate=2e-3, options=options)
    recipe = registry.load("methods", method)().complete(asked, output_of(data))
    return job_of(data, recipe, folder)


def ran(one: Job, draws: int = 0) -> tuple[list[tuple[Step, Mapping[str, bytes] | None]], Mapping[str, bytes]]:
    """Every step with its state, and the parts; ``draws``: random numbers that somebody else drew before."""
    torch.rand(draws + 1)
    fitting: Generator[Step, None, Any] = registry.load("methods", one.recipe.method or "")().fit(one)
    steps: list[tuple[Step, Mapping[str, bytes] | None]] = []
    while True:
        try:
            step = next(fitting)
        except StopIteration as end:
            return steps, end.value
        steps.append((step, step.state() if step.state else None))


def parts_of(fitting: Generator[Step, None, Any]) -> Mapping[str, bytes]:
    """What a fit returns, whose states nobody asks for."""
    while True:
        try:
            next(fitting)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("way", WAYS)
def test_every_step_leads_to_the_same_bytes(way: str, tiny: str, tmp_path: Path) -> None:
    method, options = WAYS[way]
    whole = job(tiny, tmp_path, method, **options)
    steps, parts = ran(whole)
    saved = [number for number, (_, state) in enumerate(steps) if state]
    assert len(saved) >= 5
    for number in saved:
        rest, again = ran(replace(whole, resumed=steps[number][1]), draws=number)
        assert again == parts
        assert [_told(step) for step, _ in rest] == [_told(step) for step, _ in steps[number + 1 :]]


def test_on_two_threads_too(tiny: str, tmp_path: Path) -> None:
    torch.set_num_threads(2)
    try:
        whole = job(tiny, tmp_path, "full", r_drop=0.5)
        steps, parts = ran(whole)
        middle = [state for _, state in steps if state][3]
        assert ran(replace(whole, resumed=middle))[1] == parts
    finally:
        torch.set_num_threads(1)


def test_asking_for_a_state_or_a_measure_changes_nothing(tiny: str, tmp_path: Path) -> None:
    one = job(tiny, tmp_path, "full", average=0.9)
    states: list[Any] = []

    def looking() -> Generator[Step, None, Any]:
        fitting = registry.load("methods", "full")().fit(one)
        while True:
            try:
                step = next(fitting)
            except StopIteration as end:
                return end.value
            states.append(step.validate and (step.validate(), step.validate()))
            yield step

    assert parts_of(looking()) == parts_of(registry.load("methods", "full")().fit(one))
    assert all(first == second for first, second in filter(None, states))
    assert any(states)


def test_the_best_weights_bytes_change_only_with_the_best(tiny: str, tmp_path: Path) -> None:
    steps, _ = ran(job(tiny, tmp_path, "full"))
    states = [state for _, state in steps if state]
    bests = [(json.loads(state[PLACE])["place"]["best_epoch"], state[BEST]) for state in states]
    assert len({epoch for epoch, _ in bests}) == len({data for _, data in bests})


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"threads": 2}, "threads"), ({"batch_tokens": 99}, "batch_tokens"), ({"work": "other"}, "recipe")],
)
def test_what_would_end_in_other_bytes_is_refused(
    changed: dict[str, Any], named: str, tiny: str, tmp_path: Path
) -> None:
    one = job(tiny, tmp_path, "bitfit")
    state = next(state for _, state in ran(one)[0] if state)
    told = json.loads(state[PLACE])
    other = {**state, PLACE: json.dumps({**told, "made_with": {**told["made_with"], **changed}}).encode()}
    with pytest.raises(InvalidConfig, match=named):
        ran(replace(one, resumed=other))


def test_another_recipe_is_refused(tiny: str, tmp_path: Path) -> None:
    one = job(tiny, tmp_path, "bitfit")
    state = next(state for _, state in ran(one)[0] if state)
    with pytest.raises(InvalidConfig, match="recipe"):
        ran(replace(one, recipe=replace(one.recipe, learning_rate=1e-3), resumed=state))


@pytest.mark.parametrize("package", ["numpy", "torch"])
def test_what_has_changed_is_told_where_the_training_goes_on_and_only_there(
    package: str, tiny: str, tmp_path: Path
) -> None:
    data, heard = sample_data("text-classification", 60), list[Event]()
    asked = Recipe(tiny, "bitfit", epochs=2, batch_tokens=250, options={"mixed_precision": "no"})

    def fitted(attempt: str, attend: Callable[[Step], None]) -> None:
        trail = Trail(tmp_path / "trail", "one", seconds=99.0, listener=heard.append)
        fit(data, asked, folder=tmp_path / attempt, cache=tmp_path, attend=attend, trails=lambda _: trail)

    def stop(step: Step) -> None:
        if step.state and step.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted("first", stop)
    assert "warning" not in [event.kind for event in heard]
    _made_with_another(package, Checkpoints(tmp_path / "trail", "one"))
    if package == "torch":
        with pytest.raises(InvalidConfig, match="torch"):
            fitted("again", lambda step: None)
    else:
        fitted("again", lambda step: None)
    told = [event.message for event in heard if event.kind == "warning"]
    assert [package in said.en and package in said.zh for said in told] == ([True] if package == "numpy" else [])


def _made_with_another(package: str, checkpoints: Checkpoints) -> None:
    """Let the newest checkpoint be one that was made with another version of a package."""
    found = checkpoints.newest(lambda damaged: None)
    assert found is not None
    then, training = json.loads(found.files[ENVIRONMENT]), json.loads(found.files[PLACE])
    then[package] = "0.1"
    if package == "torch":
        training["made_with"]["torch_version"] = "0.1"
    changed = {ENVIRONMENT: json.dumps(then).encode(), PLACE: json.dumps(training).encode()}
    checkpoints.write(found.step, {**found.files, **changed})


def _told(step: Step) -> tuple[Any, ...]:
    values = {name: value for name, value in step.values.items() if name != "tokens_per_second"}
    return step.step, step.total, step.message, values
