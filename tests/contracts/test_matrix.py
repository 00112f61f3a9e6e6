"""Every task, base and method that fit together make a model that answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Recipe
from tuneworks.flows.fitting import fit
from tuneworks.flows.held_out import run
from tuneworks.testing.methods import sample_data

BASES = [*([name] for name in registry.names("bases")), list(registry.names("bases"))]
COMBINATIONS = [
    pytest.param(task, bases, method, id=f"{task}-{'+'.join(bases)}-{method}")
    for task in registry.names("tasks")
    for bases in BASES
    for method in registry.names("methods")
]


@pytest.mark.parametrize(("task", "bases", "method"), COMBINATIONS)
def test_what_fits_together_answers_and_what_does_not_says_so(
    task: str, bases: list[str], method: str, addresses: dict[str, str], tmp_path: Path
) -> None:
    data, plugin = sample_data(task), registry.load("methods", method)
    column = data.spec.inputs["text"]
    recipe = Recipe({column: tuple(addresses[base] for base in bases)}, method, epochs=1)
    networks = plugin.needs_network and (len(bases) > 1 or bases == ["ngrams"])
    if data.task.output(data.spec).kind not in plugin.output_kinds or networks:
        with pytest.raises(InvalidConfig):
            fit(data, recipe, folder=tmp_path, cache=tmp_path)
        return
    fitted = fit(data, recipe, folder=tmp_path, cache=tmp_path)
    assert [use.address for use in fitted.uses] == [addresses[base] for base in bases]
    scores = run(fitted.open(tmp_path, data.spec), data.test, tmp_path)
    flat = np.concatenate(scores) if fitted.output.per_unit else scores
    assert np.allclose(flat.sum(axis=1), 1, atol=1e-4)
    assert len(data.task.decode(data.spec, scores, data.test)) == len(data.test)


@pytest.mark.parametrize("task", registry.names("tasks"))
def test_a_learnable_sample_is_learnt(task: str, tmp_path: Path) -> None:
    data = sample_data(task, 300)
    fitted = fit(data, Recipe("ngrams", "head"), folder=tmp_path, cache=tmp_path)
    scores = run(fitted.open(tmp_path, data.spec), data.test, tmp_path)
    assert data.task.score(data.spec, scores, data.test).scores[data.spec.metric or ""].value > 0.95
