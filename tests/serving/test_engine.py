"""Models in memory: opened once, bounded in number, the same answers in any batch and from any thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from tests.tiny import tiny_encoder
from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.types import Deployment, Served
from tuneworks.core.wanted import Abandoned, while_wanted
from tuneworks.core.workspace import Workspace
from tuneworks.flows.deploy import deploy
from tuneworks.flows.tune import tune
from tuneworks.serving.engine import Engine, engine_of
from tuneworks.testing.workspaces import NAME, deployed_workspace, sample_rows

ROWS = [{"text": row["text"]} for row in sample_rows(600, seed=5)]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with deployed_workspace(tmp_path_factory.mktemp("engine") / ".tuneworks") as opened:
        yield opened


@pytest.fixture
def served(workspace: Workspace) -> Served:
    deployment = workspace.store.get(Deployment, NAME)
    assert deployment is not None
    return deployment.champion


def test_a_workspace_has_one_engine(workspace: Workspace) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: engine_of(workspace), range(32)))
    assert len({id(engine) for engine in found}) == 1


def test_a_model_is_opened_once_however_many_ask(workspace: Workspace, served: Served) -> None:
    engine = Engine(workspace)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: engine.model(served), range(32)))
    assert len({id(loaded) for loaded in found}) == 1


def test_an_opened_model_needs_its_folder_no_more(tmp_path: Path) -> None:
    with deployed_workspace(tmp_path / ".tuneworks") as opened:
        champion = opened.store.get(Deployment, NAME).champion
        engine = engine_of(opened)
        before, _ = engine.answer(champion, ROWS[:5])
        (opened.models / f"{NAME}@1").rename(tmp_path / "moved")
        after, _ = engine.answer(champion, ROWS[:5])
    assert numpy.array_equal(before, after)


def test_answers_do_not_depend_on_the_batch(workspace: Workspace, served: Served) -> None:
    engine = engine_of(workspace)
    together, answers = engine.answer(served, ROWS)
    alone = [engine.answer(served, [row])[0][0] for row in ROWS[:300]]
    assert len(answers) == len(ROWS)
    assert numpy.allclose(together[:300], alone, atol=1e-6)


def test_threads_get_the_answers_to_their_own_rows(workspace: Workspace, served: Served) -> None:
    engine = engine_of(workspace)
    expected, _ = engine.answer(served, ROWS)
    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(lambda start: engine.answer(served, ROWS[start : start + 50])[0], range(0, 600, 50)))
    assert numpy.allclose(expected, numpy.concatenate(parts), atol=1e-6)


def test_past_the_memory_budget_the_model_asked_longest_ago_goes(workspace: Workspace, served: Served) -> None:
    others = [replace(served, runtime=name) for name in ("arrays", "onnx", "trees")]  # each opens a model of its own
    size = engine_of(workspace).model(served).bytes
    engine = Engine(workspace, megabytes=2.5 * size / 2**20)
    for number in (0, 1, 0, 2):
        engine.model(others[number])
    assert [engine.is_open(one) for one in others] == [True, False, True]
    assert engine.holds() == (2, 2 * size)
    assert len(Engine(workspace, megabytes=0.5 * size / 2**20).answer(served, ROWS[:2])[1]) == 2


def test_opening_a_model_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    with deployed_workspace(tmp_path / ".tuneworks", rows=200) as opened, ThreadPoolExecutor(3) as threads:
        engine, champion = engine_of(opened), opened.store.get(Deployment, NAME).champion
        slow = replace(champion, runtime="trees")
        manifest = opened.models / f"{NAME}@1" / "manifest.json"
        content = manifest.read_bytes()
        manifest.unlink()
        os.mkfifo(manifest)
        waiting = [threads.submit(engine.model, slow) for _ in range(2)]
        with open(manifest, "wb") as pipe:  # from here on somebody reads it
            assert len(engine.answer(champion, ROWS[:5])[1]) == 5
            assert not engine.is_open(slow)
            manifest.unlink()
            manifest.write_bytes(content)
            pipe.write(content)
        assert waiting[0].result(timeout=30) is waiting[1].result(timeout=30)


def test_work_whose_caller_left_stops_at_its_next_step(workspace: Workspace, served: Served) -> None:
    asked = 0

    def patient() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    with pytest.raises(Abandoned), while_wanted(patient):
        engine_of(workspace).answer(served, ROWS * 10)
    assert asked == 3
    assert len(engine_of(workspace).answer(served, ROWS)[1]) == len(ROWS)


def test_a_model_is_opened_whole_though_who_asked_first_has_left(workspace: Workspace, tmp_path: Path) -> None:
    base = f"path:{tiny_encoder(tmp_path / 'encoder')}"
    tune(NAME, name="encoder", target="topic", base=base, method="head", workspace=workspace)
    served, engine = deploy("encoder", workspace=workspace).champion, Engine(workspace)
    with while_wanted(lambda: False):
        opened = engine.model(served)
        with pytest.raises(Abandoned):
            engine.answer(served, ROWS)
    assert engine.model(served) is opened


def test_no_rows_give_no_answers(workspace: Workspace, served: Served) -> None:
    assert engine_of(workspace).answer(served, []) == ([], [])


def test_a_version_that_is_gone_is_not_found(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="version-gone"):
        engine_of(workspace).model(Served("version-gone", "arrays"))


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({}, ["Row 3", "'text'"]),
        ({"Text": "a"}, ["Row 3", "'text'", "'Text'"]),
        ({"text": None}, ["Row 3", "'text'"]),
        ({"text": 4.5}, ["Row 3", "'text'", "4.5"]),
        ({"text": b"a"}, ["Row 3", "'text'", "bytes"]),
        ("a", ["Row 3", "str"]),
        (None, ["Row 3", "null"]),
    ],
)
def test_a_row_the_model_cannot_read_is_named(
    workspace: Workspace, served: Served, row: object, named: list[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        engine_of(workspace).answer(served, [*ROWS[:2], row])
    assert all(word in caught.value.problem.en for word in named), caught.value.problem.en
    assert "3" in caught.value.problem.zh
    assert '"text"' in caught.value.fix.en


def test_half_a_character_is_refused(workspace: Workspace, served: Served) -> None:
    with pytest.raises(InvalidInput, match="Row 3, column 'text' is not valid Unicode"):
        engine_of(workspace).answer(served, [*ROWS[:2], {"text": "a\ud83d"}])
