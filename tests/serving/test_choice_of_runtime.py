"""A version is served by what is fastest here and answers as it was tuned; how alike is measured and kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import tiny_encoder
from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Deployment, ModelVersion, Recipe, RunConfig, Served, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.predict import predict
from tuneworks.flows.tune import tune
from tuneworks.neural.encoder_files import GRAPHS, WEIGHTS_FILE
from tuneworks.neural.onnx_graph import drawn
from tuneworks.neural.stock_weights import Weights, shape_of
from tuneworks.serving import choice
from tuneworks.serving.choice import Way, choose, said, ways
from tuneworks.serving.engine import engine_of
from tuneworks.testing.workspaces import NAME, sample_rows

ADAPTED = {
    "full": {},
    "freeze": {"layers": 1},
    "lora": {"rank": 2},
    "merged": {"rank": 2, "merge": True},
    "dora": {"rank": 2, "dora": True},
    "ia3": {},
    "bitfit": {},
}
QUICK = ("full", "lora")
ROWS = [{"text": row["text"]} for row in sample_rows(60, seed=9)] + [{"text": ""}, {"text": "my card " * 40}]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    place = tmp_path_factory.mktemp("choice")
    tiny_encoder(place / "encoder")
    with Workspace.open(place / ".tuneworks") as opened:
        add(sample_rows(80), name=NAME, workspace=opened)
        tuned(opened, "full")
        columns, rows = registry.load("tasks", "tabular-regression")().sample(200, 0)
        add(rows, name="table", workspace=opened)
        tune("table", target=columns[-1].name, method="boosting", base="columns", workspace=opened)
        yield opened


def tuned(workspace: Workspace, name: str) -> Served:
    """A version of the tiny encoder, as it was tuned."""
    method = {"merged": "lora", "dora": "lora"}.get(name, name)
    recipe = Recipe(f"path:{workspace.root.parent / 'encoder'}", method, epochs=1, learning_rate=1e-2)
    config = RunConfig(name, NAME, TaskSpec(target="topic"), replace(recipe, options=ADAPTED[name]))
    return Served(tune(config=config, workspace=workspace).id, "torch")


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.long) for name in ADAPTED if name not in QUICK)]
)
def test_however_an_encoder_was_tuned_its_graph_gives_the_same_scores(workspace: Workspace, name: str) -> None:
    own = tuned(workspace, name)
    expected, _ = engine_of(workspace).answer(own, ROWS)
    served = deploy(name, name=f"{name}-graph", runtime="onnx", workspace=workspace).champion
    (graph,) = [file for file in served.compiled if file.endswith(".onnx")]
    scores, _ = engine_of(workspace).answer(served, ROWS)
    assert np.allclose(expected, scores, atol=1e-4 if graph == GRAPHS["float32"] else 0.05)
    found = {way.form: way for way in ways(engine_of(workspace).model(own).model, "onnx")}
    assert set(found) == set(GRAPHS)
    exact = choose(
        engine_of(workspace).model(own),
        [found["float32"]],
        own="torch",
        rows=ROWS,
        asked=True,
        within=workspace.working,
    )
    assert exact.taken.agreement == 1.0
    assert exact.taken.largest < 1e-4


def test_a_text_scores_the_same_alone_and_in_any_company(workspace: Workspace) -> None:
    served = deploy("full", name="company", runtime="onnx", workspace=workspace).champion
    engine = engine_of(workspace)
    alone = np.array([engine.answer(served, [row])[0][0] for row in ROWS])
    for size in (2, 5, 17, len(ROWS)):
        order = np.random.default_rng(size).permutation(len(ROWS))
        for begin in range(0, len(ROWS), size):
            some = order[begin : begin + size]
            scores, _ = engine.answer(served, [ROWS[i] for i in some])
            assert np.abs(np.array(scores) - alone[some]).max() < 1e-4


def test_the_choice_is_told_kept_and_made_once(workspace: Workspace) -> None:
    told: list[str] = []
    version = workspace.store.get(ModelVersion, tuned(workspace, "freeze").version_id)
    first = deploy(version.label, workspace=workspace, listener=lambda event: told.append(event.message.en))
    report = json.loads((workspace.reports / version.label / "runtimes.json").read_text())
    assert any("held-out rows answered alike" in line for line in told)
    assert report["tolerance"] == {"agreement": choice.AGREEMENT, "difference": choice.DIFFERENCE}
    assert [(one["runtime"], one["form"]) for one in report["measured"]][:1] == [("torch", "")]
    assert {one["form"] for one in report["measured"]} == {"", "int8", "float32"}
    assert report["taken"]["runtime"] == first.champion.runtime
    if first.champion.compiled:
        assert first.champion.fidelity["agreement"] >= choice.AGREEMENT
        assert first.champion.fidelity["difference"] <= choice.DIFFERENCE
    assert deploy(version.label, workspace=workspace) == first
    beside = deploy(version.label, name="beside", workspace=workspace)
    assert beside.champion == first.champion
    assert predict("beside", ROWS[:3], workspace=workspace)[0].version_id == first.champion.version_id


TORCHLESS = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import tuneworks
with tuneworks.Workspace.open("WORKSPACE") as workspace:
    print(tuneworks.predict("company", [{"text": "where is my parcel"}], workspace=workspace)[0].answer.label)
"""


def test_a_tuned_encoder_is_served_where_torch_is_not_installed(workspace: Workspace) -> None:
    deploy("full", name="company", runtime="onnx", workspace=workspace)
    code = TORCHLESS.replace("WORKSPACE", str(workspace.root))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    expected = predict("company", [{"text": "where is my parcel"}], workspace=workspace)[0].answer
    assert done.stdout.split() == [expected.label], done.stderr


def test_what_answers_otherwise_is_not_taken_however_fast(workspace: Workspace, tmp_path: Path) -> None:
    version = workspace.store.get(Deployment, "company").champion.version_id
    loaded = engine_of(workspace).model(Served(version, "torch"))
    folder = tiny_encoder(tmp_path / "other", seed=1)
    shape = shape_of(json.loads((folder / "config.json").read_text()))
    graph = drawn(shape, Weights(folder / WEIGHTS_FILE), int8=False)
    foreign = Way("onnx", "float32", {GRAPHS["float32"]: graph})
    made = choose(loaded, [foreign], own="torch", rows=ROWS, asked=True, within=workspace.working)
    assert not made.measured[1].is_faithful
    assert made.files == {}
    assert made.taken.runtime == "torch"


def test_trees_are_compiled_to_the_same_answers(workspace: Workspace) -> None:
    served = deploy("table", name="as-trees", runtime="trees", workspace=workspace).champion
    own = deploy("table", name="as-tuned", runtime="arrays", workspace=workspace).champion
    engine = engine_of(workspace)
    rows = [dict(row) for row in registry.load("tasks", "tabular-regression")().sample(300, 4)[1]]
    first, second = (np.array(engine.answer(one, rows)[0]) for one in (own, served))
    assert np.abs(first - second).max() <= 1e-6 * np.abs(first).max()
    assert served.fidelity["agreement"] == 1.0


def test_a_runtime_nobody_knows_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InvalidConfig, match="no runtime named"):
        deploy("table", name="steam", runtime="steam", workspace=workspace)


def test_what_is_said_is_compared_without_confidence() -> None:
    from tuneworks.core.answers import ClassAnswer, Span, SpansAnswer

    assert said(ClassAnswer("a", 0.9, {"a": 0.9, "b": 0.1})) == said(ClassAnswer("a", 0.8, {"a": 0.8, "b": 0.2}))
    assert said(ClassAnswer("a", 0.9, {})) != said(ClassAnswer("b", 0.9, {}))
    assert said(SpansAnswer((Span(0, 3, "x", "abc", 0.5),))) == said(SpansAnswer((Span(0, 3, "x", "abc", 0.7),)))
    assert said(SpansAnswer((Span(0, 3, "x"),))) != said(SpansAnswer((Span(0, 4, "x"),)))
