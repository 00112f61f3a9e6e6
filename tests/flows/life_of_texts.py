"""One walk through everything a model of texts lives through, on its task's own sample rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tuneworks.core import registry
from tuneworks.core.types import Feedback, ModelVersion, Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import check
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict
from tuneworks.flows.retune import Retuned, retune
from tuneworks.flows.rows import read_rows
from tuneworks.flows.tune import tune
from tuneworks.flows.watch import watch
from tuneworks.serving.engine import engine_of

NAME, ROWS, ASKED = "life", 300, 40


@dataclass(frozen=True)
class Life:
    """What came of the walk: the version, what it answered to the rows asked, what was said of it, its successor."""

    version: ModelVersion
    asked: Sequence[dict[str, Any]]
    predictions: Sequence[Prediction]
    told: Sequence[Feedback]
    retuned: Retuned


def sample(task: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    """Rows to learn from, later rows, and the kinds of the columns."""
    columns, rows = registry.load("tasks", task)().sample(ROWS + ASKED, 0)
    made = [dict(row) for row in rows]
    return made[:ROWS], made[ROWS:], {column.name: column.kind for column in columns}


def live(workspace: Workspace, task: str, target: str, *, kinds: dict[str, str] | None = None) -> Life:
    """Add, check, tune, evaluate, deploy, predict, judge, watch, retune; the task is found by the columns."""
    learnt, asked, _ = sample(task)
    add(learnt, name=NAME, kinds=kinds, workspace=workspace)
    assert [one for one in check(NAME, target=target, workspace=workspace).findings if one.severity == "error"] == []
    version = tune(NAME, target=target, base="ngrams", workspace=workspace)
    assert version.spec.task == task
    assert evaluate(version.label, workspace=workspace).evaluation.scores == version.scores
    deployment = deploy(NAME, workspace=workspace)
    sent = [{column: row[column] for column in version.spec.inputs.values()} for row in asked]
    predictions = predict(NAME, sent, workspace=workspace)
    answers = [prediction.answer for prediction in predictions]
    assert engine_of(workspace).answer(deployment.champion, sent)[1] == answers
    assert [one.answer for one in predict(version.label, sent, workspace=workspace)] == answers
    told = [
        feedback(prediction.id, value=row[target], workspace=workspace)
        for prediction, row in zip(predictions, asked, strict=True)
    ]
    signals = {signal.detector for signal in watch(NAME, workspace=workspace)}
    assert {"input-shift", "prediction-shift", "realised-performance"} <= signals
    outcome = retune(NAME, workspace=workspace)
    rows = read_rows(workspace, outcome.dataset)
    assert len(rows) == len({row["text"] for row in learnt + asked})
    assert outcome.version.dataset_id == outcome.dataset.id
    return Life(version, asked, predictions, told, outcome)


def right(life: Life, shown: Callable[[Any], Any], target: str) -> float:
    """The share of the rows asked that were answered with their truth."""
    pairs = zip(life.predictions, life.asked, strict=True)
    return sum(shown(prediction.answer) == row[target] for prediction, row in pairs) / len(life.asked)
