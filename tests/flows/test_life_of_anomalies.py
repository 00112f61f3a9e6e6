"""An anomaly detector's whole life: good examples, an alarm, truth by label or by yes and no, and learning on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.server.process import ServerProcess
from tests.tiny import tiny_image_encoder
from tuneworks.client import Client
from tuneworks.core import registry
from tuneworks.core.answers import AnomalyAnswer
from tuneworks.core.errors import InvalidConfig, InvalidInput
from tuneworks.core.types import ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import check
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict
from tuneworks.flows.retune import retune
from tuneworks.flows.tune import tune
from tuneworks.flows.watch import watch
from tuneworks.statistics.drawings import drawing

TASK, NAME, ROWS = "anomaly-detection", "machine", 300
USUAL, ODD = {"load": 5.0, "heat": 45.0}, {"load": 5.0, "heat": 80.0}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def sample() -> list[dict[str, Any]]:
    return [dict(row) for row in registry.load("tasks", TASK)().sample(ROWS, 0)[1]]


def tuned(workspace: Workspace, rows: list[dict[str, Any]], **asked: Any) -> ModelVersion:
    add(rows, name=NAME, workspace=workspace)
    version = tune(NAME, task=TASK, workspace=workspace, **asked)
    deploy(NAME, workspace=workspace)
    return version


def alarms(predictions: Any) -> list[bool]:
    return [p.answer.anomalous for p in predictions if isinstance(p.answer, AnomalyAnswer)]


def test_a_detector_lives_from_rows_to_retuning(workspace: Workspace) -> None:
    version = tuned(workspace, sample())
    assert (version.spec.target, version.spec.options["normal"], version.spec.metric) == ("state", "good", "roc_auc")
    assert version.scores["roc_auc"].low > 0.8
    assert version.scores["false_alarms"].value < 0.15
    assert [f for f in check(NAME, task=TASK, workspace=workspace).findings if f.severity == "error"] == []
    assert evaluate(version.label, workspace=workspace).evaluation.scores["roc_auc"] == version.scores["roc_auc"]
    made = predict(NAME, [{**USUAL, "heat": 45 + n / 50} for n in range(30)] + [ODD], workspace=workspace)
    assert alarms(made)[-1]
    assert sum(alarms(made)) < 4
    with ServerProcess(workspace.root) as server, Client(server.url, token=server.token) as client:
        served = client.predict(NAME, [USUAL, ODD])
    assert [p.answer.score for p in served] == pytest.approx([made[0].answer.score, made[-1].answer.score])  # type: ignore[union-attr]
    for prediction, alarm in zip(made, alarms(made), strict=True):
        assert feedback(prediction.id, value="fault" if alarm else "good", workspace=workspace).correct
    assert {signal.detector for signal in watch(NAME, workspace=workspace)} >= {"input-shift", "prediction-shift"}
    assert retune(NAME, workspace=workspace).dataset.rows == ROWS + len(made)


def test_yes_and_no_are_kept_as_the_targets_own_labels(workspace: Workspace) -> None:
    tuned(workspace, sample())
    usual, odd = predict(NAME, [USUAL, ODD], workspace=workspace)
    given = [
        feedback(one.id, value=value, workspace=workspace) for one, value in ((usual, True), (odd, True), (odd, False))
    ]
    assert [(one.value, one.correct) for one in given] == [("fault", False), ("fault", True), ("good", False)]


def test_without_a_target_all_rows_are_good_and_false_alarms_are_counted(workspace: Workspace) -> None:
    good = [{"load": row["load"], "heat": row["heat"]} for row in sample() if row["state"] == "good"]
    version = tuned(workspace, good)
    assert (version.spec.target, version.spec.metric, set(version.scores)) == (None, "false_alarms", {"false_alarms"})
    usual, odd = predict(NAME, [USUAL, ODD], workspace=workspace)
    assert alarms([usual, odd]) == [False, True]
    assert feedback(odd.id, value=True, workspace=workspace).correct
    assert feedback(usual.id, value=False, workspace=workspace).correct
    with pytest.raises(InvalidInput, match="true or false"):
        feedback(usual.id, value="good", workspace=workspace)
    assert retune(NAME, workspace=workspace).dataset.rows == len(good) + 1


def test_anomalies_among_the_training_rows_teach_nothing(workspace: Workspace) -> None:
    rows = [{**row, "split": ("train", "train", "validation", "test")[n // 4 % 4]} for n, row in enumerate(sample())]
    before = tuned(workspace, rows)
    strange = [{"load": 5.0, "heat": 80.0 + n, "state": "fault", "split": "train"} for n in range(20)]
    after = tuned(workspace, [*rows, *strange])
    heads = [workspace.blobs.read(version.parts["head.safetensors"]) for version in (before, after)]
    bases = [workspace.blobs.read(version.parts["columns.json"]) for version in (before, after)]
    assert (heads[0] == heads[1]) == (bases[0] == bases[1])
    assert alarms(predict(NAME, [ODD], workspace=workspace)) == [True]


def test_the_threshold_follows_the_share_of_false_alarms(workspace: Workspace) -> None:
    strict = tuned(workspace, sample(), settings={"recipe.options.false_alarms": 0.3})
    loose = tune(NAME, task=TASK, settings={"recipe.options.false_alarms": 0.0}, workspace=workspace)
    assert strict.scores["false_alarms"].value > loose.scores["false_alarms"].value
    assert strict.scores["roc_auc"] == loose.scores["roc_auc"]


def test_labels_that_do_not_say_which_is_normal_are_asked_about(workspace: Workspace) -> None:
    rows = [{**row, "state": {"good": "A", "fault": "B"}[row["state"]]} for row in sample()]
    add(rows, name=NAME, workspace=workspace)
    with pytest.raises(InvalidConfig, match="known to mean normal"):
        tune(NAME, task=TASK, target="state", workspace=workspace)
    version = tune(NAME, task=TASK, target="state", settings={"spec.options.normal": "A"}, workspace=workspace)
    assert version.scores["roc_auc"].low > 0.8


def test_anomalies_are_tested_on_however_few_they_are(workspace: Workspace) -> None:
    rows = sample()
    few = [row for row in rows if row["state"] == "good"] + [row for row in rows if row["state"] == "fault"][:3]
    version = tuned(workspace, few)
    outcomes = evaluate(version.label, workspace=workspace).evaluation.matrices[0]
    assert sum(outcomes.counts[1]) == 3


def test_images_unlike_the_good_ones_raise_an_alarm(workspace: Workspace, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    good = tmp_path / "parts" / "good"
    good.mkdir(parents=True)
    for number in range(80):
        shutil.copy(drawing("stripes", random).path, good / f"{number}.png")
    add(tmp_path / "parts", name="parts", workspace=workspace)
    base = f"path:{tiny_image_encoder(tmp_path / 'encoder')}"
    version = tune("parts", task=TASK, target="label", base=base, workspace=workspace)
    assert version.spec.metric == "false_alarms"
    assert version.spec.labels == ("good",)
    asked = [{"image": drawing(pattern, random).path} for pattern in ("stripes", "spots") * 10]
    made = alarms(predict(version.label, asked, workspace=workspace))
    assert sum(made[1::2]) >= 9
    assert sum(made[::2]) <= 2
