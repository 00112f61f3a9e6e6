"""A tuning ends in a whole version with everything that tells how it came to be, or in a run that says why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import tiny_encoder
from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig, NotFound, TuneworksError, UnsuitableData
from tuneworks.core.types import Event, ModelVersion, Recipe, Run, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.predict import predict
from tuneworks.flows.tune import tune
from tuneworks.testing.workspaces import NAME, sample_rows, tune_again, tuned_workspace


@pytest.fixture
def workspace(tmp_path: Path):
    with tuned_workspace(tmp_path / ".tuneworks", rows=200) as opened:
        yield opened


def test_a_version_tells_where_it_came_from(workspace: Workspace) -> None:
    (version,) = workspace.store.find(ModelVersion)
    (run,) = workspace.store.find(Run)
    assert (version.label, version.run_id, run.version_id, run.status) == (f"{NAME}@1", run.id, version.id, "finished")
    assert version.dataset_id == run.config.dataset
    assert run.config.spec == version.spec
    assert run.asked is not None
    assert (run.asked.recipe.base, run.asked.recipe.method) == ("ngrams", None)
    assert version.scores[version.spec.metric or ""].value > 0.9


def test_a_versions_parts_are_all_there(workspace: Workspace) -> None:
    (version,) = workspace.store.find(ModelVersion)
    parts = {name: workspace.blobs.read(blob) for name, blob in version.parts.items()}
    assert {"head.safetensors", "ngrams.json", "golden.json", "history.jsonl", "README.md"} <= parts.keys()
    *steps, cost = [json.loads(line) for line in parts["history.jsonl"].splitlines()]
    assert [step["total"] >= step["step"] > 0 for step in steps] == [True] * len(steps) != []
    assert cost["values"]["seconds"] > 0
    assert 0.9 < steps[-1]["values"]["validation"] <= 1
    assert f"{NAME}@1" in parts["README.md"].decode()


def test_the_same_rows_and_seed_give_the_same_model(workspace: Workspace) -> None:
    first, (second, third) = workspace.store.find(ModelVersion)[0], (tune_again(workspace) for _ in range(2))
    assert [second.number, third.number] == [2, 3]
    for name in ("head.safetensors", "ngrams.json", "golden.json"):
        assert first.parts[name] == second.parts[name] == third.parts[name]
    assert first.scores == second.scores


def test_arguments_come_before_settings_before_the_configuration(workspace: Workspace) -> None:
    config = RunConfig(name="theirs", dataset="nothing", recipe=Recipe("pkg:absent", "full", seed=4))
    made = tune(
        NAME, base="ngrams", method="head", name="mine", config=config, settings={"recipe.seed": 5}, workspace=workspace
    )
    assert (made.label, made.recipe.base, made.recipe.method, made.recipe.seed) == ("mine@1", "ngrams", "head", 5)


def test_a_base_may_be_named_for_each_column(workspace: Workspace, tmp_path: Path) -> None:
    tiny = f"path:{tiny_encoder(tmp_path / 'tiny')}"
    made = tune(NAME, base={"text": ["ngrams", tiny]}, workspace=workspace)
    assert [(use.address, use.folder) for use in made.bases] == [("ngrams", "base_1"), (tiny, "")]
    assert {"base_1/ngrams.json", "model.safetensors", "encoder.json"} <= made.parts.keys()
    assert predict(made.label, [{"text": "where is my parcel"}], workspace=workspace)[0].answer.label == "delivery"


def test_a_listener_hears_the_plan_the_steps_and_the_result(workspace: Workspace) -> None:
    heard: list[Event] = []
    tune_again(workspace, listener=heard.append)
    kinds = list(dict.fromkeys(event.kind for event in heard))
    assert (kinds[0], kinds[-2:]) == ("plan", ["stored", "report"])
    assert all(event.message.en and event.message.zh for event in heard)
    steps = [event for event in heard if event.kind == "progress"]
    assert all(0 < (event.step or 0) <= (event.total or 0) for event in steps)


def test_unlabelled_rows_are_dropped_with_a_warning_and_the_rest_is_learnt(workspace: Workspace) -> None:
    bare = [{"text": f"unlabelled {i}", "topic": None} for i in range(7)]
    add([*sample_rows(200), *bare], name="gaps", workspace=workspace)
    heard: list[Event] = []
    version = tune("gaps", base="ngrams", workspace=workspace, listener=heard.append)
    assert [event.message.en for event in heard if event.kind == "warning"] == ["7 rows without a topic are left out"]
    assert version.spec.labels == ("delivery", "payment")


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([{"text": f"a {i}", "topic": "same"} for i in range(80)], UnsuitableData),
        ([{**row, "split": "train"} for row in sample_rows(4)], UnsuitableData),
        ([{**row, "topic": None} for row in sample_rows(80)], TuneworksError),
    ],
    ids=["one label", "no test rows", "no label"],
)
def test_what_cannot_be_learnt_starts_no_run(workspace: Workspace, rows, error: type[TuneworksError]) -> None:
    kinds = {"text": "text", "topic": "category"}
    add(rows, name="hopeless", kinds=kinds, workspace=workspace)
    before = workspace.store.find(Run)
    with pytest.raises(error) as caught:
        tune("hopeless", target="topic", base="ngrams", workspace=workspace)
    assert all((caught.value.problem.zh, caught.value.fix.en, caught.value.fix.zh))
    assert workspace.store.find(Run) == before


@pytest.mark.parametrize("name", ["a/b", "../up", "two words", "a@3"])
def test_a_model_is_never_named_out_of_its_folder(workspace: Workspace, name: str) -> None:
    before = workspace.store.find(Run)
    with pytest.raises(InvalidConfig, match="cannot be the name of a model"):
        tune_again(workspace, name=name)
    assert workspace.store.find(Run) == before
    assert not (workspace.reports / f"{name}@1").exists()


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"base": "path:/no/such/folder"}, NotFound),
        ({"base": "nonsense"}, InvalidConfig),
        ({"base": "ngrams", "method": "full"}, InvalidConfig),
        ({"base": "ngrams", "settings": {"spec.labels": ["weather", "sports"]}}, UnsuitableData),
    ],
)
def test_a_run_that_fails_says_why_and_leaves_no_version(workspace: Workspace, asked, error) -> None:
    with pytest.raises(error) as caught:
        tune(NAME, workspace=workspace, **asked)
    run = workspace.store.find(Run)[-1]
    assert run.status == "failed"
    assert run.error is not None
    assert caught.value.problem.zh in run.error.zh
    assert len(workspace.store.find(ModelVersion)) == 1


def test_a_user_who_stops_a_run_finds_it_interrupted_and_can_start_again(workspace: Workspace) -> None:
    def stop(event: Event) -> None:
        if event.kind == "progress":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_again(workspace, listener=stop)
    assert workspace.store.find(Run)[-1].status == "interrupted"
    assert tune_again(workspace).number == 2


def test_labelled_stretches_are_learnt_too(workspace: Workspace) -> None:
    columns, rows = registry.load("tasks", "token-classification")().sample(200, 0)
    add(rows, name="people", kinds={column.name: column.kind for column in columns}, workspace=workspace)
    version = tune("people", base="ngrams", workspace=workspace)
    assert version.scores["span_f1"].value > 0.9
    answers = predict(version.label, [{"text": "Anna moved to Rome 7"}, {"text": ""}], workspace=workspace)
    assert [(span.text, span.label) for span in answers[0].answer.spans] == [("Anna", "PERSON"), ("Rome", "PLACE")]
    assert answers[1].answer.spans == ()


def test_a_version_that_is_not_there_starts_no_run(workspace: Workspace) -> None:
    before = len(workspace.store.find(Run))
    with pytest.raises(NotFound, match="tickets@99"):
        tune(NAME, base="ngrams", settings={"from_version": "tickets@99"}, workspace=workspace)
    assert len(workspace.store.find(Run)) == before
