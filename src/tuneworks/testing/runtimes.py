"""What every runtime must keep to: the public contract suite, plain functions with asserts.

``check_runtime(runtime_class, address)`` runs all of it on models whose base is at the address.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tuneworks.core import registry
from tuneworks.core.contracts import Model, Runtime
from tuneworks.flows.fitting import Data
from tuneworks.testing.samples import sample_data, sample_model, suits

TOLERANCE = 1e-4


def check_runtime(runtime_class: type[Runtime], address: str) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(runtime_class, address)


def check_it_runs_what_it_says(runtime_class: type[Runtime], address: str) -> None:
    """``runs`` names kinds of bases that there are."""
    families = [registry.load("bases", name) for name in registry.names("bases")]
    known = {name for family in families for name in (family.runtime, *family.other_runtimes)}
    assert set(runtime_class.runs) <= known


def check_scores_are_of_the_right_shape(runtime_class: type[Runtime], address: str) -> None:
    """One array an example of the output's shape, finite, and what it can be decoded from."""
    for model, data in _models(address):
        scores = runtime_class().run(model, data.test)
        assert len(scores) == len(data.test)
        assert all(np.isfinite(np.asarray(score)).all() for score in scores)
        assert len(data.task.decode(data.spec, scores, data.test)) == len(data.test)


def check_neighbours_change_nothing(runtime_class: type[Runtime], address: str) -> None:
    """A row scores the same alone, among others and among others in another order."""
    for model, data in _models(address):
        runtime, examples = runtime_class(), data.test
        together = runtime.run(model, examples)
        order = np.random.default_rng(0).permutation(len(examples)).tolist()
        moved = runtime.run(model, examples.take(order))
        for place, number in enumerate(order):
            alone = runtime.run(model, examples.take([number]))[0]
            assert np.allclose(together[number], alone, atol=TOLERANCE)
            assert np.allclose(moved[place], alone, atol=TOLERANCE)


def check_empty_rows_are_answered(runtime_class: type[Runtime], address: str) -> None:
    """A row without any text, and rows that are all such, have scores."""
    for model, data in _models(address):
        if set(data.spec.kinds.values()) != {"text"}:
            continue
        whole = dict(data.test.rows[0])
        empty = whole | dict.fromkeys(data.spec.kinds, "")
        if data.test.marks is not None:
            continue
        for rows in ([empty], [empty, empty], [whole, empty]):
            examples = data.task.examples(data.spec, rows)
            assert len(runtime_class().run(model, examples)) == len(rows)


def check_compiled_files_are_bytes(runtime_class: type[Runtime], address: str) -> None:
    """Compiling to any form gives files by names inside the model's folder, the same twice; or none."""
    for model, _ in _models(address):
        for form in runtime_class().forms:
            compiled = runtime_class().compile(model, form)
            assert all(isinstance(part, bytes) and part for part in compiled.values())
            assert all(not Path(name).is_absolute() and ".." not in Path(name).parts for name in compiled)
            assert runtime_class().compile(model, form) == compiled
        return


def _models(address: str) -> Iterator[tuple[Model, Data]]:
    """A model for every task whose columns the base reads, by the first method that suits."""
    for name in registry.names("tasks"):
        data = sample_data(name)
        for method in [data.task.default_method, *registry.names("methods")]:
            if suits(registry.load("methods", method), data, address):
                yield sample_model(data, address, method), data
                break


CHECKS = tuple(
    check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_runtime"
)
