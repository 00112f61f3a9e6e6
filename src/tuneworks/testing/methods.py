"""What every method must keep to: the public contract suite, plain functions with asserts.

``check_method(method_class, address)`` runs all of it on a base at the address, for every task the method can learn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from tuneworks.core import config, registry
from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.events import silent
from tuneworks.core.records import from_json, to_json
from tuneworks.core.types import Output, Recipe
from tuneworks.flows.fitting import Data, Features, base_files, measure_of, uses_of
from tuneworks.serving.loaded import load_base
from tuneworks.statistics.linear import load_head
from tuneworks.testing.tasks import sample_spec

ROWS = 120


def check_method(method_class: type[Method], address: str) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(method_class, address)


def sample_data(task_name: str, rows: int = ROWS) -> Data:
    """A task's sample rows: two thirds to train on, the rest to validate and to test."""
    task = registry.load("tasks", task_name)()
    spec, _, made = sample_spec(task, rows)
    first, second = rows * 4 // 6, rows * 5 // 6
    parts = (made[:first], made[first:second], made[second:])
    return Data(task, spec, *(task.examples(spec, part) for part in parts))


def job_of(data: Data, recipe: Recipe, folder: Path) -> Job:
    """The job that tuning would give a method."""
    output, uses = data.task.output(data.spec), uses_of(recipe, data.spec)
    files = base_files(uses, data, recipe, folder=folder, cache=folder)
    bases = [(use, load_base(use, files)) for use in uses]
    features = Features(bases, data.spec, output, silent)
    measure = measure_of(data.task, data.spec)
    return Job(output, data.spec, recipe, data.train, data.validation, bases, features, measure)


def check_settings_have_defaults(method_class: type[Method], address: str) -> None:
    """``Options`` is a frozen dataclass that needs nothing to be given; what it does not know is refused."""
    options: Any = method_class.Options
    assert is_dataclass(method_class.Options)
    made: Any = options()
    for field in fields(made):
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, None)
    assert config.check_options(options, {}) == made
    with pytest.raises(InvalidConfig):
        config.check_options(options, {"applause": True})


def check_a_recipe_is_completed_once(method_class: type[Method], address: str) -> None:
    """What the user left open is filled in, what was set stays, and the recipe comes back equal from a store."""
    method, given = method_class(), Recipe(base=address, method="named", epochs=7, learning_rate=0.5, seed=3)
    for data in _tasks(method_class):
        made = method.complete(given, data.task.output(data.spec))
        assert (made.base, made.method, made.epochs, made.learning_rate, made.seed) == (address, "named", 7, 0.5, 3)
        assert set(made.options) == {field.name for field in fields(method_class.Options)}
        assert method.complete(made, data.task.output(data.spec)) == made
        assert from_json(Recipe, to_json(made)) == made


def check_fitting_tells_its_steps(method_class: type[Method], address: str) -> None:
    """Fitting is a generator of steps counted up to their total, said in both languages, with finite figures."""
    for data in _tasks(method_class):
        steps, _ = _fitted(method_class, data, address)
        assert steps
        for step in steps:
            assert isinstance(step, Step)
            assert 0 < step.step <= step.total
            assert step.message.en
            assert step.message.zh
            assert all(number == number and abs(number) != float("inf") for number in step.values.values())


def check_the_head_has_a_row_for_every_feature(method_class: type[Method], address: str) -> None:
    """The parts hold ``head.safetensors`` with one column of weights a class, and are bytes by plain file names."""
    for data in _tasks(method_class):
        _, parts = _fitted(method_class, data, address)
        assert all(isinstance(part, bytes) for part in parts.values())
        assert all(not Path(name).is_absolute() and ".." not in Path(name).parts for name in parts)
        head = load_head(parts["head.safetensors"])
        size = data.task.output(data.spec).size
        assert set(head) == {"weight_0", "bias"}
        assert head["bias"].shape == (size,)
        assert head["weight_0"].shape[1] == size


def check_the_same_seed_gives_the_same_bytes(method_class: type[Method], address: str) -> None:
    """Fitting twice with one seed gives equal parts, whatever was drawn at random meanwhile."""
    for data in _tasks(method_class):
        first, second = (_fitted(method_class, data, address, seed=7)[1] for _ in range(2))
        assert first == second


def _tasks(method_class: type[Method]) -> Iterator[Data]:
    for name in registry.names("tasks"):
        data = sample_data(name)
        output: Output = data.task.output(data.spec)
        if output.kind in method_class.output_kinds:
            yield data


def _fitted(method_class: type[Method], data: Data, address: str, seed: int = 0) -> tuple[list[Step], Parts]:
    with tempfile.TemporaryDirectory() as place:
        job = job_of(data, Recipe(base=address, epochs=1, seed=seed), Path(place))
        fitting = method_class().fit(job)
        assert isinstance(fitting, Generator)
        steps: list[Step] = []
        while True:
            try:
                steps.append(next(fitting))
            except StopIteration as end:
                return steps, end.value


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_method")
