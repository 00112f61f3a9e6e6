"""Tasks' own sample rows as data to tune on, and the models that come of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tuneworks.core import registry
from tuneworks.core.contracts import Job, LoadedBase, Method, Model
from tuneworks.core.errors import TuneworksError
from tuneworks.core.events import silent
from tuneworks.core.types import Output, Recipe, TaskSpec
from tuneworks.flows.fitting import Data, Features, Measure, base_files, fit, fits, uses_of
from tuneworks.flows.plan_run import split_rows
from tuneworks.serving.loaded import load_base

ROWS = 120
PLAIN = "head"
KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""The folders of models made here; they go when the process ends."""


@cache
def sample_data(task_name: str, rows: int = ROWS) -> Data:
    """A task's sample rows as tuning would split them."""
    task = registry.load("tasks", task_name)()
    columns, made = task.sample(rows, 0)
    spec, parts = split_rows(task, TaskSpec(task=task_name), columns, made)
    return Data(task, spec, *(task.examples(spec, parts[side]) for side in ("train", "validation", "test")))


def output_of(data: Data) -> Output:
    """What the data's task asks of a model."""
    return data.task.output(data.spec)


def teacher_of(method: type[Method], data: Data, address: str) -> Model | None:
    """What a method that learns from a tuned version goes on from: a head on the same base."""
    return sample_model(data, address, PLAIN) if method.needs_teacher else None


def job_of(data: Data, recipe: Recipe, folder: Path, teacher: Model | None = None) -> Job:
    """The job that tuning would give a method."""
    output = output_of(data)
    uses = uses_of(recipe, data.spec, output)
    files = base_files(uses, data, recipe, folder=folder, cache=folder)
    bases = [(use, load_base(use, files)) for use in uses]
    features = Features(bases, data.spec, output, silent)
    measure = Measure(data.task, data.spec)
    return Job(output, data.spec, recipe, data.train, data.validation, bases, features, measure, teacher=teacher)


def suits(method: type[Method], data: Data, address: str) -> bool:
    """Whether the method can learn the data's answers on the base at the address."""
    if not fits(method, data.spec, output_of(data)):
        return False
    loaded = _loaded(data.spec.task or "", address)
    able = all(base.has_network or not method.needs_network for base in loaded)
    able = able and all(base.has_mask() or not method.needs_mask for base in loaded)
    return bool(loaded) and able and all(base.writes or not method.needs_writer for base in loaded)


@cache
def _loaded(task: str, address: str) -> list[LoadedBase]:
    """The bases of a task's sample that an address leads to; none where it leads to none that reads it."""
    data, recipe = sample_data(task), Recipe(address, PLAIN)
    try:
        uses = uses_of(recipe, data.spec, output_of(data))
        with tempfile.TemporaryDirectory() as place:
            files = base_files(uses, data, recipe, folder=Path(place), cache=Path(place))
            return [load_base(use, files) for use in uses]
    except TuneworksError:
        return []


def suiting(method: type[Method], address: str) -> Iterator[Data]:
    """The samples of all tasks that suit."""
    for name in registry.names("tasks"):
        data = sample_data(name)
        if suits(method, data, address):
            yield data


def sample_model(data: Data, address: str, method: str) -> Model:
    """A model of the base at the address, tuned on a sample; made once, and kept until the process ends."""
    return _tuned(data.spec.task or "", address, method)


@cache
def _tuned(task: str, address: str, method: str) -> Model:
    data, place = sample_data(task), tempfile.TemporaryDirectory()
    KEPT.append(place)
    folder = Path(place.name) / "model"
    teacher = teacher_of(registry.load("methods", method), data, address)
    recipe = Recipe(base=address, method=method, epochs=1)
    fitted = fit(data, recipe, folder=folder, cache=Path(place.name), champion=teacher)
    for name, path in fitted.files.items():
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(path.read_bytes())
    return fitted.open(data.spec)
