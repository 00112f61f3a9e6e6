"""For every task there is: what is served is what the library answers, and what the report was measured on."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tuneworks
from tests.server.process import ServerProcess
from tests.tiny import tiny_samples
from tuneworks.client import Client
from tuneworks.core import registry
from tuneworks.core.records import to_plain
from tuneworks.core.types import Picture, Recipe, RunConfig, TaskSpec
from tuneworks.flows.held_out import plan_of
from tuneworks.flows.references import version_of
from tuneworks.statistics.score_arrays import unpack
from tuneworks.testing.samples import sample_data, suits

ROWS = 200
LEARNT_FROM = 400
TOLERANCE = 1e-4  # relative to the largest number of an answer: float32 sums in batches of other sizes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("every-kind") / ".tuneworks"


@pytest.fixture(scope="module")
def measured(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[Any], list[Any], Any]]:
    """By task: rows, the library's answers, and those decoded from the report's stored scores."""
    addresses = [sample.address for sample in tiny_samples(tmp_path_factory.mktemp("tiny")).values()]
    addresses.sort(key=lambda address: ":" in address)
    made = {}
    with tuneworks.Workspace.open(folder) as workspace:
        for name in registry.names("tasks"):
            made[name] = told(workspace, name, addresses)
    return made


def told(workspace: tuneworks.Workspace, name: str, addresses: Sequence[str]) -> tuple[list[Any], list[Any], Any]:
    task = registry.load("tasks", name)()
    columns, rows = task.sample(LEARNT_FROM + 2 * ROWS, 0)
    sides = ["train"] * (LEARNT_FROM - ROWS // 2) + ["validation"] * (ROWS // 2)
    split = [*sides, *["test"] * (len(rows) - len(sides))]
    marked = [{**row, "split": side} for row, side in zip(rows, split, strict=True)]
    kinds = {column.name: column.kind for column in columns}
    tuneworks.add(marked, name=name, kinds=kinds, workspace=workspace)
    method, data = registry.load("methods", task.default_method), sample_data(name)
    address = next(address for address in addresses if suits(method, data, address))
    recipe = Recipe(address, task.default_method, epochs=1)
    config = RunConfig(name, name, TaskSpec(task=name), recipe)
    version = tuneworks.tune(config=config, workspace=workspace)
    tuneworks.deploy(name, workspace=workspace)
    data = plan_of(workspace, version_of(workspace, version.id)).data
    examples = data.test.take(range(min(ROWS, len(data.test))))
    stored = unpack((workspace.reports / version.label / "scores.safetensors").read_bytes())[: len(examples)]
    reported = data.task.decode(data.spec, stored, examples)
    asked = [{column: row[column] for column in data.spec.inputs.values()} for row in examples.rows]
    answered = tuneworks.predict(name, asked, log=False, workspace=workspace)
    return asked, [prediction.answer for prediction in answered], reported


@pytest.fixture(scope="module")
def client(folder: Path, measured: Any) -> Iterator[Client]:
    with ServerProcess(folder) as server, Client(server.url, token=server.token) as opened:
        yield opened


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_served_equals_library_equals_report(name: str, client: Client, measured: Mapping[str, Any]) -> None:
    rows, library, reported = measured[name]
    assert len(rows) == ROWS
    served = [prediction.answer for prediction in client.predict(name, [sendable(row) for row in rows])]
    for one, other, third in zip(served, library, reported, strict=True):
        assert words(one) == words(other) == words(third)
        scale = max(1.0, *np.abs(numbers(third)), 0.0)
        assert numbers(one) == pytest.approx(numbers(other), abs=TOLERANCE * scale)
        assert numbers(other) == pytest.approx(numbers(third), abs=TOLERANCE * scale)


def sendable(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as a program far away would send it: images as base64."""
    return {column: _as_text(value) if isinstance(value, Picture) else value for column, value in row.items()}


def _as_text(picture: Picture) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.path.read_bytes()).decode()}"


def numbers(answer: Any) -> list[float]:
    return [float(value) for value in _leaves(to_plain(answer)) if isinstance(value, (int, float))]


def words(answer: Any) -> list[Any]:
    return [value for value in _leaves(to_plain(answer)) if not isinstance(value, (int, float))]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _leaves(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
