"""What every method must keep to: the public contract suite, plain functions with asserts.

``check_method(method_class, address)`` runs all of it on a base at the address, for every task the method can learn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Mapping
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuneworks.core import config
from tuneworks.core.contracts import Method, Model, Parts, Step
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.records import from_json, to_json
from tuneworks.core.types import Recipe
from tuneworks.flows.fitting import Data, base_files, files_in, replaced
from tuneworks.serving.loaded import load_base
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.testing.samples import job_of, output_of, suiting, teacher_of


def check_method(method_class: type[Method], address: str) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(method_class, address)


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
    for data in suiting(method_class, address):
        made = method.complete(given, output_of(data))
        assert (made.base, made.method, made.epochs, made.learning_rate, made.seed) == (address, "named", 7, 0.5, 3)
        assert set(made.options) == {field.name for field in fields(method_class.Options)}
        assert method.complete(made, output_of(data)) == made
        assert from_json(Recipe, to_json(made)) == made


def check_fitting_tells_its_steps_and_makes_a_head(method_class: type[Method], address: str) -> None:
    """Fitting is a generator of steps counted up to their total, said in both languages, with finite figures.

    Its parts are bytes by plain file names; with the base's files they are a model whose scores can be decoded.
    """
    for data in suiting(method_class, address):
        with tempfile.TemporaryDirectory() as place:
            steps, parts, model = _fitted(method_class, data, address, Path(place))
            _steps_are_told(steps)
            assert all(isinstance(part, bytes) for part in parts.values())
            assert all(not Path(name).is_absolute() and ".." not in Path(name).parts for name in parts)
            _scores_are_sound(model, data)


def check_the_same_seed_gives_the_same_bytes(method_class: type[Method], address: str) -> None:
    """Fitting twice with one seed gives equal parts, whatever was drawn at random meanwhile."""
    for data in islice(suiting(method_class, address), 2):
        with tempfile.TemporaryDirectory() as place:
            first, second = (_fitted(method_class, data, address, Path(place), seed=7)[1] for _ in range(2))
            assert first == second


def check_a_resumed_fit_ends_in_the_same_bytes(method_class: type[Method], address: str) -> None:
    """Where steps can be gone on from, one in the middle leads to the parts of the fit that never stopped."""
    for data in islice(suiting(method_class, address), 1):
        with tempfile.TemporaryDirectory() as place:
            teacher = teacher_of(method_class, data, address)
            job = job_of(data, Recipe(base=address, epochs=1), Path(place), teacher)
            states, parts = _with_states(method_class().fit(job))
            if states:
                resumed = method_class().fit(replace(job, resumed=states[len(states) // 2]))
                assert _with_states(resumed)[1] == parts


def _with_states(fitting: Generator[Step, None, Parts]) -> tuple[list[Mapping[str, bytes]], Parts]:
    """What can be gone on from, and the parts."""
    states: list[Mapping[str, bytes]] = []
    while True:
        try:
            step = next(fitting)
        except StopIteration as end:
            return states, end.value
        if step.state:
            states.append(step.state())


def _steps_are_told(steps: list[Step]) -> None:
    assert steps
    for step in steps:
        assert isinstance(step, Step)
        assert 0 < step.step <= step.total
        assert step.message.en
        assert step.message.zh
        assert all(number == number and abs(number) != float("inf") for number in step.values.values())


def _scores_are_sound(model: Model, data: Data) -> None:
    scores = model.head.scores(model, data.test)
    guessed = shape_of(model.output.kind).guess(model.output, data.test, np.random.default_rng(0))
    assert len(scores) == len(guessed)
    if not isinstance(guessed, list):
        assert np.shape(scores) == np.shape(guessed)
    assert all(np.isfinite(np.asarray(score)).all() for score in scores)
    assert len(data.task.decode(data.spec, scores, data.test)) == len(data.test)


def _fitted(
    method_class: type[Method], data: Data, address: str, folder: Path, seed: int = 0
) -> tuple[list[Step], Parts, Model]:
    teacher = teacher_of(method_class, data, address)
    job = job_of(data, Recipe(base=address, epochs=1, seed=seed), folder, teacher)
    fitting = method_class().fit(job)
    assert isinstance(fitting, Generator)
    steps: list[Step] = []
    while True:
        try:
            steps.append(next(fitting))
        except StopIteration as end:
            return steps, end.value, _opened(method_class, data, job, end.value, folder)


def _opened(method_class: type[Method], data: Data, job: Any, parts: Parts, folder: Path) -> Model:
    """The model of fresh bases, with the parts in place of the bases' own where they name the same files."""
    uses = tuple(use for use, _ in job.bases)
    found = base_files(uses, data, job.recipe, folder=folder, cache=folder)
    files = replaced(found, files_in(folder / "parts", parts))
    bases = tuple((use, load_base(use, files)) for use in uses)
    return Model(folder, data.spec, job.output, bases, method_class().load(files))


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_method")
