"""A forecaster's whole life: windows of a series, quantiles, truth that comes later, and more of the series."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.core.answers import ForecastAnswer
from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.types import ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import check
from tuneworks.flows.compare import compare
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict
from tuneworks.flows.references import version_of
from tuneworks.flows.retune import retune
from tuneworks.flows.rows import read_rows
from tuneworks.flows.tune import tune
from tuneworks.flows.watch import watch
from tuneworks.serving.engine import engine_of

TASK, NAME, ROWS = "time-series-forecasting", "sales", 400
HORIZON, HISTORY = 3, 14
SETTINGS = {"spec.options.horizon": HORIZON, "spec.options.history": HISTORY}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def rows_of(count: int = ROWS + 60) -> list[dict[str, object]]:
    """The task's own sample, with what came after the dataset's end."""
    return [dict(row) for row in registry.load("tasks", TASK)().sample(count, 0)[1]]


def tuned(workspace: Workspace, **settings: object) -> ModelVersion:
    add(rows_of()[:ROWS], name=NAME, workspace=workspace)
    return tune(NAME, task=TASK, settings={**SETTINGS, **settings}, workspace=workspace)


def request(end: int) -> dict[str, object]:
    """What is sent at a moment: the history up to it, and when that was."""
    rows = rows_of()
    return {"sold": [row["sold"] for row in rows[end - HISTORY : end]], "day": rows[end - 1]["day"]}


def truth(end: int) -> list[object]:
    return [row["sold"] for row in rows_of()[end : end + HORIZON]]


def off(answer: ForecastAnswer, end: int) -> float:
    """How far the medians lie from what came."""
    return sum(abs(step[1] - float(str(true))) for step, true in zip(answer.values, truth(end), strict=True)) / HORIZON


def test_a_forecaster_lives_from_rows_to_retuning(workspace: Workspace) -> None:
    version = tuned(workspace)
    assert [f.severity for f in check(NAME, task=TASK, workspace=workspace).findings if f.severity == "error"] == []
    assert version.scores["mae"].high < version.scores["mae"].value / version.scores["mase"].value
    assert 0.5 < version.scores["coverage"].value <= 1
    assert version.spec.split == "time(day)"
    assert (version.spec.options["step"], version.spec.options["season"]) == (86_400.0, 7)
    assert evaluate(version.label, workspace=workspace).evaluation.scores["mae"] == version.scores["mae"]
    deploy(NAME, workspace=workspace)
    made = predict(NAME, [request(end) for end in range(ROWS, ROWS + 48)], workspace=workspace)
    errors = []
    for number, prediction in enumerate(made):
        answer = prediction.answer
        assert isinstance(answer, ForecastAnswer)
        assert len(answer.values) == HORIZON
        assert all(step == tuple(sorted(step)) for step in answer.values)
        told = feedback(prediction.id, value=truth(ROWS + number), workspace=workspace)
        errors.append(off(answer, ROWS + number))
        assert told.error == pytest.approx(errors[-1])
    signals = {signal.detector: signal for signal in watch(NAME, workspace=workspace)}
    assert {"input-shift", "prediction-shift", "realised-performance"} <= signals.keys()
    assert signals["realised-performance"].value == pytest.approx(sum(errors) / len(errors))
    outcome = retune(NAME, workspace=workspace)
    assert outcome.dataset.rows == ROWS + 48 + HORIZON - 1
    assert outcome.version.dataset_id == outcome.dataset.id
    days = {row["day"]: row["sold"] for row in read_rows(workspace, outcome.dataset)}
    assert days == {row["day"]: row["sold"] for row in rows_of()[: ROWS + 48 + HORIZON - 1]}


def test_the_served_answer_is_the_library_s(workspace: Workspace) -> None:
    version = tuned(workspace)
    deployment = deploy(NAME, workspace=workspace)
    _, served = engine_of(workspace).answer(deployment.champion, [request(ROWS)])
    alone = predict(version.label, [request(ROWS)], workspace=workspace)[0].answer
    assert served == [alone]
    longer = {**request(ROWS), "sold": [0.0, *request(ROWS)["sold"]]}  # type: ignore[misc]
    assert predict(version.label, [longer], workspace=workspace)[0].answer == alone


def test_a_level_that_shifts_moves_the_forecast_with_it(workspace: Workspace) -> None:
    version = tuned(workspace)
    lifted = {**request(ROWS), "sold": [float(str(v)) + 1000 for v in request(ROWS)["sold"]]}  # type: ignore[attr-defined]
    here, there = (made.answer for made in predict(version.label, [request(ROWS), lifted], workspace=workspace))
    assert isinstance(here, ForecastAnswer)
    assert isinstance(there, ForecastAnswer)
    for low, high in zip(here.values, there.values, strict=True):
        assert high == pytest.approx([value + 1000 for value in low], abs=1e-3)


def test_the_truth_of_watching_is_what_came_not_the_history(workspace: Workspace) -> None:
    version = tuned(workspace)
    deploy(NAME, workspace=workspace)
    for number, made in enumerate(predict(NAME, [request(ROWS + n) for n in range(30)], workspace=workspace)):
        feedback(made.id, value=truth(ROWS + number), workspace=workspace)
    signal = next(s for s in watch(NAME, workspace=workspace) if s.detector == "realised-performance")
    assert signal.threshold > version.scores["mae"].value / 2


WRONG_REQUESTS = (
    ({"sold": [1.0, 2.0], "day": "2025-01-01"}, f"the last {HISTORY} numbers"),
    ({"sold": 3.5, "day": "2025-01-01"}, "a list of numbers"),
    ({"sold": [1.0] * 13 + [None], "day": "2025-01-01"}, "a list of numbers"),
    ({"sold": [1.0] * HISTORY, "day": "yesterday"}, "expected a date or time"),
    ({"sold": [1.0] * HISTORY}, "no value in the column 'day'"),
)


def test_a_request_that_cannot_be_read_says_what_was_expected(workspace: Workspace) -> None:
    version = tuned(workspace)
    for sent, said in WRONG_REQUESTS:
        with pytest.raises(InvalidInput) as caught:
            predict(version.label, [sent], workspace=workspace)
        assert said in caught.value.problem.en
        assert caught.value.fix.zh


def test_truth_of_another_length_is_refused(workspace: Workspace) -> None:
    tuned(workspace)
    deploy(NAME, workspace=workspace)
    made = predict(NAME, [request(ROWS)], workspace=workspace)[0]
    for wrong in ([1.0], 1.0, ["a", "b", "c"]):
        with pytest.raises(InvalidInput, match=f"list of {HORIZON} numbers"):
            feedback(made.id, value=wrong, workspace=workspace)


def test_wrong_options_are_refused(workspace: Workspace) -> None:
    add(rows_of()[:ROWS], name=NAME, workspace=workspace)
    for key, value in (("horizon", 0), ("quantiles", [0.1, 0.9]), ("quantiles", [0.9, 0.5]), ("quantiles", [0.5, 1.0])):
        with pytest.raises(InvalidConfig, match=key):
            tune(NAME, task=TASK, settings={f"spec.options.{key}": value}, workspace=workspace)


def test_several_series_in_one_table_and_series_full_of_holes_are_refused(workspace: Workspace) -> None:
    rows = rows_of()[:ROWS]
    add([*rows, *rows], name="twice", workspace=workspace)
    with pytest.raises(UnsuitableData, match="several series"):
        tune("twice", task=TASK, workspace=workspace)
    add([row for number, row in enumerate(rows) if number % 7 < 3], name="holes", workspace=workspace)
    with pytest.raises(UnsuitableData, match="follow each other"):
        tune("holes", task=TASK, settings=SETTINGS, workspace=workspace)


def test_a_split_of_the_user_s_own_holds_and_later_rows_join_the_last_split(workspace: Workspace) -> None:
    sides = ["train"] * 280 + ["validation"] * 60 + ["test"] * 60
    marked = [{**row, "split": side} for row, side in zip(rows_of(), sides, strict=False)]
    add(marked, name=NAME, workspace=workspace)
    version = tune(NAME, task=TASK, settings=SETTINGS, workspace=workspace)
    assert version.spec.split == "column(split)"
    deploy(NAME, workspace=workspace)
    made = predict(NAME, [request(ROWS)], workspace=workspace)[0]
    feedback(made.id, value=truth(ROWS), workspace=workspace)
    outcome = retune(NAME, workspace=workspace)
    first, second = (evaluate(one, workspace=workspace) for one in (version.label, outcome.version.label))
    assert second.evaluation.rows == first.evaluation.rows + HORIZON


def test_versions_of_one_series_are_compared_on_the_same_windows(workspace: Workspace) -> None:
    tuned(workspace)
    tune(NAME, task=TASK, settings={**SETTINGS, "recipe.options.strengths": [0.1]}, workspace=workspace)
    found = {c.metric: c for c in compare(f"{NAME}@1", f"{NAME}@2", workspace=workspace)}
    assert found["mae"].less_is_better
    assert not found["mae"].won
    assert version_of(workspace, f"{NAME}@1").spec == version_of(workspace, f"{NAME}@2").spec
