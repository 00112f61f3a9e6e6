"""Every task, base and method that fit together make a model that answers; what does not fit says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tuneworks.core import registry
from tuneworks.core.errors import TuneworksError
from tuneworks.core.text import plain
from tuneworks.core.types import Recipe
from tuneworks.flows.fitting import fit
from tuneworks.flows.held_out import run
from tuneworks.statistics.comparison import compare
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.testing.samples import sample_data, suits, teacher_of

COMBINATIONS = [
    pytest.param(task, base, method, id=f"{task}-{base}-{method}")
    for task in registry.names("tasks")
    for base in registry.names("bases")
    for method in registry.names("methods")
]
FROM_NOTHING = 15  # epochs in which a tiny network with random weights learns to write
FAMILIES = [(task, method) for task in registry.names("tasks") for method in registry.names("methods")]


@pytest.mark.parametrize(("task", "base", "method"), COMBINATIONS)
def test_what_fits_together_answers_and_what_does_not_says_so(
    task: str, base: str, method: str, addresses: dict[str, str], tmp_path: Path
) -> None:
    data, plugin = sample_data(task), registry.load("methods", method)
    recipe = Recipe(addresses[base], method, epochs=1)
    if not suits(plugin, data, addresses[base]):
        with pytest.raises(TuneworksError):
            fit(data, recipe, folder=tmp_path, cache=tmp_path)
        return
    teacher = teacher_of(plugin, data, addresses[base])
    fitted = fit(data, recipe, folder=tmp_path, cache=tmp_path, champion=teacher)
    assert {use.address for use in fitted.uses} == {addresses[base]}
    scores = run(fitted.open(data.spec), data.test, tmp_path)
    assert all(np.isfinite(np.asarray(score)).all() for score in scores)
    assert len(data.task.decode(data.spec, scores, data.test)) == len(data.test)


@pytest.mark.parametrize(("task", "method"), FAMILIES)
def test_several_bases_on_a_column_stand_side_by_side(
    task: str, method: str, addresses: dict[str, str], tmp_path: Path
) -> None:
    data, plugin = sample_data(task), registry.load("methods", method)
    able = [address for address in addresses.values() if suits(plugin, data, address)]
    if len(able) < 2 or plugin.needs_network or plugin.needs_writer:
        return
    recipe = Recipe(dict.fromkeys(data.spec.kinds, tuple(able)), method, epochs=1)
    teacher = teacher_of(plugin, data, able[0])
    fitted = fit(data, recipe, folder=tmp_path, cache=tmp_path, champion=teacher)
    assert {use.address for use in fitted.uses} == set(able)
    scores = run(fitted.open(data.spec), data.test, tmp_path)
    assert len(data.task.decode(data.spec, scores, data.test)) == len(data.test)


@pytest.mark.parametrize("task", registry.names("tasks"))
def test_a_learnable_sample_is_learnt(task: str, addresses: dict[str, str], tmp_path: Path) -> None:
    data = sample_data(task, 300)
    method = registry.load("methods", data.task.default_method)
    weightless = [address for address in addresses.values() if ":" not in address]
    address = next(address for address in [*weightless, *addresses.values()] if suits(method, data, address))
    recipe = Recipe(address, data.task.default_method)
    recipe = replace(recipe, epochs=FROM_NOTHING, learning_rate=3e-3) if method.needs_writer else recipe
    fitted = fit(data, recipe, folder=tmp_path, cache=tmp_path)
    scores = run(fitted.open(data.spec), data.test, tmp_path)
    simplest = shape_of(fitted.output.kind).prior(fitted.output, data.train, data.test)
    learnt, guessed = (data.task.tally(data.spec, made, data.test) for made in (scores, simplest))
    assert compare(guessed, learnt, metric=data.spec.metric or "", name=plain("")).won
