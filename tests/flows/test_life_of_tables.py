"""A table's whole life, of labels and of numbers; and rows that look back on those before them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuneworks.core import registry
from tuneworks.core.answers import NumberAnswer
from tuneworks.core.errors import InvalidConfig, InvalidInput
from tuneworks.core.types import ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import check
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict
from tuneworks.flows.predict_file import predict_file
from tuneworks.flows.retune import retune
from tuneworks.flows.rows import read_rows
from tuneworks.flows.tune import tune
from tuneworks.flows.watch import watch
from tuneworks.serving.engine import engine_of
from tuneworks.statistics.shapes.shape import shape_of

NAME, ROWS, ASKED = "table", 300, 40
QUICK = {"recipe.options.rounds": 150, "recipe.options.leaves": [4]}
TASKS = ("tabular-classification", "tabular-regression")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def rows_of(task: str) -> list[dict[str, Any]]:
    """The task's own sample: rows to learn from, then later ones."""
    return [dict(row) for row in registry.load("tasks", task)().sample(ROWS + ASKED, 0)[1]]


def tuned(workspace: Workspace, task: str) -> ModelVersion:
    add(rows_of(task)[:ROWS], name=NAME, workspace=workspace)
    return tune(NAME, target="target", settings=QUICK, workspace=workspace)


@pytest.mark.parametrize("task", TASKS)
def test_a_table_lives_from_rows_to_retuning(workspace: Workspace, task: str) -> None:
    version, asked = tuned(workspace, task), rows_of(task)[ROWS:]
    assert (version.spec.task, version.recipe.base, version.recipe.method) == (task, "columns", "boosting")
    assert [f for f in check(NAME, target="target", workspace=workspace).findings if f.severity == "error"] == []
    report = evaluate(version.label, workspace=workspace)
    assert report.evaluation.scores == version.scores
    assert report.comparisons[0].won
    deployment = deploy(NAME, workspace=workspace)
    made = predict(NAME, asked, workspace=workspace)
    assert engine_of(workspace).answer(deployment.champion, asked)[1] == [one.answer for one in made]
    assert [one.answer for one in predict(version.label, asked, workspace=workspace)] == [one.answer for one in made]
    shape = shape_of(version.output.kind)
    errors = []
    for prediction, row in zip(made, asked, strict=True):
        told = feedback(prediction.id, value=row["target"], workspace=workspace)
        errors.append(shape.error(prediction.answer, row["target"]))
        assert told.error == pytest.approx(errors[-1])
    signals = {signal.detector: signal for signal in watch(NAME, workspace=workspace)}
    assert {"input-shift", "prediction-shift", "realised-performance"} <= signals.keys()
    assert signals["realised-performance"].value == pytest.approx(sum(errors) / len(errors))
    assert not any(signal.raised for signal in signals.values())
    outcome = retune(NAME, workspace=workspace)
    assert outcome.dataset.rows == ROWS + ASKED
    assert read_rows(workspace, outcome.dataset)[-1] == asked[-1]


@pytest.mark.parametrize("task", TASKS)
def test_a_file_is_answered_like_its_rows(workspace: Workspace, task: str, tmp_path: Path) -> None:
    version, asked = tuned(workspace, task), rows_of(task)[ROWS:]
    path = tmp_path / "asked.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(version.spec.inputs.values()), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(asked)
    from_file = [one.answer for one in predict_file(version.label, path, workspace=workspace)]
    assert from_file == [one.answer for one in predict(version.label, asked, workspace=workspace)]


def test_what_is_missing_or_new_is_answered_too(workspace: Workspace) -> None:
    version = tuned(workspace, "tabular-regression")
    odd: list[dict[str, Any]] = [
        {"area": None, "district": "harbour", "built": "1999-05-01"},
        {"area": 80.0, "district": "moon", "built": None},
        {"area": "80", "district": "", "built": "1999/5/1"},
        {"area": 1e12, "district": 7, "built": "2099-01-01T08:00:00"},
    ]
    answers = [one.answer for one in predict(version.label, odd, workspace=workspace)]
    assert all(isinstance(answer, NumberAnswer) and np.isfinite(answer.value) for answer in answers)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"area": "large", "district": "north", "built": None}, "expected a number"),
        ({"area": [1, 2], "district": "north", "built": None}, "expected a number"),
        ({"area": 80.0, "district": "north", "built": "soon"}, "expected a date or time"),
        ({"area": 80.0, "district": "north"}, "no value in the column 'built'"),
    ],
)
def test_a_row_that_cannot_be_read_says_what_was_expected(workspace: Workspace, row: dict[str, Any], said: str) -> None:
    version = tuned(workspace, "tabular-regression")
    with pytest.raises(InvalidInput) as caught:
        predict(version.label, [row], workspace=workspace)
    assert said in caught.value.problem.en


def test_a_truth_that_is_no_number_is_refused(workspace: Workspace) -> None:
    tuned(workspace, "tabular-regression")
    deploy(NAME, workspace=workspace)
    made = predict(NAME, rows_of("tabular-regression")[ROWS : ROWS + 1], workspace=workspace)[0]
    for wrong in ("dear", True, [1.0], float("inf")):
        with pytest.raises(InvalidInput, match="must be a number"):
            feedback(made.id, value=wrong, workspace=workspace)
    assert feedback(made.id, value="12.5", workspace=workspace).value == 12.5


def test_a_number_that_counts_rows_is_no_input(workspace: Workspace) -> None:
    rows = [{"id": number, **row} for number, row in enumerate(rows_of("tabular-regression"))]
    add(rows, name=NAME, workspace=workspace)
    version = tune(NAME, target="target", settings=QUICK, workspace=workspace)
    assert set(version.spec.inputs) == {"area", "district", "built"}


def test_a_text_and_columns_beside_it_are_read_together(workspace: Workspace) -> None:
    words = {"good": ("fine", "lovely"), "bad": ("broken", "late")}
    random = np.random.default_rng(0)
    rows = []
    for number in range(400):
        label, loud = ("good", "bad")[random.integers(2)], bool(random.integers(2))
        text = words[label][random.integers(2)] if loud else "it came"
        rows.append({"text": f"{text} {number}", "stars": 5.5 - 3 * (label == "bad" and not loud), "topic": label})
    add(rows, name=NAME, workspace=workspace)
    alone = tune(NAME, target="topic", base="ngrams", workspace=workspace)
    inputs = {"spec.inputs.text": "text", "spec.inputs.stars": "stars"}
    base = {"text": ("ngrams",), "stars": ("columns",)}
    both = tune(NAME, target="topic", base=base, settings=inputs, workspace=workspace)
    assert alone.spec.task == both.spec.task == "text-classification"
    assert both.scores["accuracy"].value > alone.scores["accuracy"].high


# -- rows that look back ------------------------------------------------------------------------


def machines(count: int = 60) -> list[dict[str, Any]]:
    """Machines that wear out: the slope of the wear says how long they last."""
    random = np.random.default_rng(1)
    speeds = [float(random.uniform(0.5, 3)) for _ in range(count)]
    return [
        {
            "machine": f"m{machine}",
            "hour": hour,
            "wear": round(speed * hour + float(random.uniform(0, 1)), 3),
            "left": round(30 / speed, 2),
        }
        for machine, speed in enumerate(speeds)
        for hour in range(20)
    ]


LOOKING_BACK = {"spec.options.window": 8, "spec.options.group": "machine", "spec.options.order": "hour"}
KINDS = {"machine": "category", "hour": "number"}


def test_rows_look_back_within_their_group(workspace: Workspace) -> None:
    add(machines(), name=NAME, kinds=KINDS, workspace=workspace)
    settings = {**LOOKING_BACK, "spec.options.cap": 40, **QUICK}
    version = tune(NAME, target="left", task="tabular-regression", settings=settings, workspace=workspace)
    assert version.spec.split == "group(machine)"
    assert version.spec.kinds == {"hour": "series", "wear": "series"}
    deploy(NAME, workspace=workspace)
    window = {"machine": "new", "hour": list(range(8)), "wear": [2.0 * hour for hour in range(8)]}
    made = predict(NAME, [window, {**window, "wear": [None, *window["wear"][1:]]}], workspace=workspace)
    assert isinstance(made[0].answer, NumberAnswer)
    assert made[0].answer.value == pytest.approx(15, abs=4)
    assert feedback(made[0].id, value=90, workspace=workspace).value == 40
    outcome = retune(NAME, workspace=workspace)
    added = [row for row in read_rows(workspace, outcome.dataset) if row["machine"] == "new"]
    assert [(row["hour"], row["wear"]) for row in added] == list(zip(window["hour"], window["wear"], strict=True))
    assert [row["left"] for row in added] == [None] * 7 + [40]


def test_windows_never_mix_held_out_rows_into_training(workspace: Workspace) -> None:
    add(machines(20), name=NAME, kinds=KINDS, workspace=workspace)
    settings = {"spec.options.window": 8, "spec.split": "content"}
    with pytest.raises(InvalidConfig, match="look back"):
        tune(NAME, target="left", task="tabular-regression", settings=settings, workspace=workspace)
    with pytest.raises(InvalidConfig, match="names no column"):
        tune(NAME, target="left", settings={**LOOKING_BACK, "spec.options.group": "engine"}, workspace=workspace)
