"""What every runtime must keep to: the public contract suite, plain functions with asserts.

``check_runtime(runtime_class, address)`` runs all of it on models whose base is at the address.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tuneworks.core import registry
from tuneworks.core.contracts import Examples, Model, Runtime
from tuneworks.core.types import Recipe
from tuneworks.flows.fitting import Data, fit
from tuneworks.testing.methods import sample_data

TOLERANCE = 1e-4


def check_runtime(runtime_class: type[Runtime], address: str) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(runtime_class, address)


@contextmanager
def sample_model(task_name: str, address: str) -> Iterator[tuple[Model, Data]]:
    """A model with a linear head, tuned on the task's sample rows."""
    data = sample_data(task_name)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fitted = fit(data, Recipe(base=address, method="head"), folder=folder, cache=folder)
        yield fitted.open(folder, data.spec), data


def check_it_runs_what_it_says(runtime_class: type[Runtime], address: str) -> None:
    """``runs`` names kinds of bases that there are, that of the base at the address among them."""
    known = {registry.load("bases", name).runtime for name in registry.names("bases")}
    assert set(runtime_class.runs) <= known
    with sample_model(registry.names("tasks")[0], address) as (model, _):
        assert {registry.load("bases", use.name).runtime for use, _ in model.bases} <= set(runtime_class.runs)


def check_scores_are_probabilities(runtime_class: type[Runtime], address: str) -> None:
    """One array an example of the output's shape, every row of it a distribution."""
    for name in registry.names("tasks"):
        with sample_model(name, address) as (model, data):
            scores = runtime_class().run(model, data.test)
            assert len(scores) == len(data.test)
            flat = np.concatenate(scores) if model.output.per_unit else scores
            assert flat.shape[1] == model.output.size
            assert np.allclose(flat.sum(axis=1), 1, atol=TOLERANCE)
            assert flat.min() >= 0
            if model.output.per_unit:
                assert [len(score) for score in scores] == [len(units) for units in data.test.units or ()]


def check_neighbours_change_nothing(runtime_class: type[Runtime], address: str) -> None:
    """A row scores the same alone, among others and among others in another order."""
    for name in registry.names("tasks"):
        with sample_model(name, address) as (model, data):
            runtime, examples = runtime_class(), data.test
            together = runtime.run(model, examples)
            order = np.random.default_rng(0).permutation(len(examples)).tolist()
            moved = runtime.run(model, examples.take(order))
            for place, number in enumerate(order):
                alone = runtime.run(model, examples.take([number]))[0]
                assert np.allclose(together[number], alone, atol=TOLERANCE)
                assert np.allclose(moved[place], alone, atol=TOLERANCE)


def check_empty_rows_are_answered(runtime_class: type[Runtime], address: str) -> None:
    """A row without any text, and rows that are all such, have scores of the right shape."""
    for name in registry.names("tasks"):
        with sample_model(name, address) as (model, data):
            for texts in ([""], ["", ""], [data.test.rows[0][data.spec.inputs["text"]], ""]):
                examples = data.task.examples(data.spec, [dict.fromkeys(data.spec.inputs.values(), t) for t in texts])
                scores = runtime_class().run(model, examples)
                assert [score.shape for score in scores] == _shapes(model, examples)


def check_compiled_files_are_bytes(runtime_class: type[Runtime], address: str) -> None:
    """Compiling gives files by plain names, the same twice."""
    with sample_model(registry.names("tasks")[0], address) as (model, _):
        compiled = runtime_class().compile(model)
        assert all(isinstance(part, bytes) and name == Path(name).name for name, part in compiled.items())
        assert runtime_class().compile(model) == compiled


def _shapes(model: Model, examples: Examples) -> list[Any]:
    size = model.output.size
    if model.output.per_unit:
        return [(len(units), size) for units in examples.units or ()]
    return [(size,)] * len(examples)


CHECKS = tuple(
    check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_runtime"
)
