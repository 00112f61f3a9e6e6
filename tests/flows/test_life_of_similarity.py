"""A comparer's whole life, with a target of yes and no and with one on a scale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import tiny_fast_encoder
from tuneworks.core import registry
from tuneworks.core.answers import SimilarityAnswer
from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.types import ModelVersion, Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import check
from tuneworks.flows.compare import compare
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict
from tuneworks.flows.retune import retune
from tuneworks.flows.rows import read_rows
from tuneworks.flows.tune import tune
from tuneworks.flows.watch import watch
from tuneworks.serving.engine import engine_of

TASK, NAME, ROWS, LATER = "sentence-similarity", "pairs", 400, 40
GRADES = {"no": (0.0, 1.0, 1.5), "yes": (3.5, 4.0, 5.0)}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def rows_of(count: int, seed: int = 0) -> list[dict[str, object]]:
    """The task's own sample."""
    return [dict(row) for row in registry.load("tasks", TASK)().sample(count, seed)[1]]


def graded(count: int, seed: int = 0) -> list[dict[str, object]]:
    """The sample with grades instead of yes and no."""
    rows = rows_of(count, seed)
    return [
        {"text_a": row["text_a"], "text_b": row["text_b"], "grade": GRADES[str(row["same"])][number // 2 % 3]}
        for number, row in enumerate(rows)
    ]


def tuned(workspace: Workspace, rows: list[dict[str, object]], **settings: object) -> ModelVersion:
    add(rows, name=NAME, workspace=workspace)
    return tune(NAME, task=TASK, base="ngrams", settings=settings, workspace=workspace)


def asked(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{"text_a": row["text_a"], "text_b": row["text_b"]} for row in rows]


def answer_of(prediction: Prediction) -> SimilarityAnswer:
    assert isinstance(prediction.answer, SimilarityAnswer)
    return prediction.answer


def test_yes_and_no_live_from_rows_to_retuning(workspace: Workspace) -> None:
    version = tuned(workspace, rows_of(ROWS))
    assert (version.spec.labels, version.spec.options["same"], version.spec.metric) == (
        ("no", "yes"),
        "yes",
        "accuracy",
    )
    assert [f.severity for f in check(NAME, task=TASK, workspace=workspace).findings if f.severity == "error"] == []
    assert version.scores["accuracy"].low > 0.7
    report = evaluate(version.label, workspace=workspace)
    assert report.evaluation.scores["f1"] == version.scores["f1"]
    assert all(c.won for c in report.comparisons)
    deploy(NAME, workspace=workspace)
    later = rows_of(LATER, seed=1)
    made = predict(NAME, asked(later), workspace=workspace)
    wrong = []
    for prediction, row in zip(made, later, strict=True):
        answer = answer_of(prediction)
        assert answer.same is (answer.score > 0.5)
        told = feedback(prediction.id, value=row["same"], workspace=workspace)
        assert told.correct is (answer.same is (row["same"] == "yes"))
        wrong.append(not told.correct)
    signals = {signal.detector: signal for signal in watch(NAME, workspace=workspace)}
    assert {"input-shift", "prediction-shift", "realised-performance"} <= signals.keys()
    assert signals["realised-performance"].value == pytest.approx(np.mean(wrong))
    outcome = retune(NAME, workspace=workspace)
    grown = {(row["text_a"], row["text_b"]): row["same"] for row in read_rows(workspace, outcome.dataset)}
    assert all(grown[row["text_a"], row["text_b"]] == row["same"] for row in later)
    assert set(grown.values()) == {"no", "yes"}


def test_grades_live_from_rows_to_retuning(workspace: Workspace) -> None:
    version = tuned(workspace, graded(ROWS))
    assert (version.spec.labels, version.spec.metric) == ((), "pearson")
    assert (version.spec.options["low"], version.spec.options["high"]) == (0.0, 5.0)
    assert version.scores["pearson"].low > 0.6
    deploy(NAME, workspace=workspace)
    later = graded(LATER, seed=1)
    errors = []
    for prediction, row in zip(predict(NAME, asked(later), workspace=workspace), later, strict=True):
        answer = answer_of(prediction)
        assert 0 <= answer.score <= 5
        assert answer.same is None
        told = feedback(prediction.id, value=row["grade"], workspace=workspace)
        errors.append(abs(answer.score - float(str(row["grade"]))))
        assert told.error == pytest.approx(errors[-1])
    signals = {signal.detector: signal for signal in watch(NAME, workspace=workspace)}
    assert signals["realised-performance"].value == pytest.approx(np.mean(errors))
    outcome = retune(NAME, workspace=workspace)
    grown = {(row["text_a"], row["text_b"]): row["grade"] for row in read_rows(workspace, outcome.dataset)}
    assert all(grown[row["text_a"], row["text_b"]] == row["grade"] for row in later)


def test_the_served_answer_is_the_library_s(workspace: Workspace) -> None:
    version = tuned(workspace, rows_of(ROWS))
    deployment = deploy(NAME, workspace=workspace)
    rows = asked(rows_of(LATER, seed=1))
    _, served = engine_of(workspace).answer(deployment.champion, rows)
    alone = [predict(version.label, [row], workspace=workspace)[0].answer for row in rows]
    scores = [
        [answer.score for answer in answers if isinstance(answer, SimilarityAnswer)] for answers in (served, alone)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    assert len(scores[0]) == LATER


def test_two_texts_are_as_alike_in_either_order(workspace: Workspace) -> None:
    version = tuned(workspace, graded(ROWS))
    rows = asked(graded(LATER, seed=1))
    turned = [{"text_a": row["text_b"], "text_b": row["text_a"]} for row in rows]
    first, second = (
        [answer_of(p).score for p in predict(version.label, some, workspace=workspace)] for some in (rows, turned)
    )
    assert first == pytest.approx(second, abs=1e-5)


def test_a_verdict_other_than_the_target_s_is_refused(workspace: Workspace) -> None:
    tuned(workspace, rows_of(ROWS))
    deploy(NAME, workspace=workspace)
    made = predict(NAME, asked(rows_of(1)), workspace=workspace)[0]
    with pytest.raises(InvalidInput, match="'yes' or 'no'"):
        feedback(made.id, value="perhaps", workspace=workspace)
    assert feedback(made.id, value=True, workspace=workspace).value is True
    assert feedback(made.id, value="否", workspace=workspace).value is False


def test_a_grade_off_the_scale_is_refused(workspace: Workspace) -> None:
    tuned(workspace, graded(ROWS))
    deploy(NAME, workspace=workspace)
    made = predict(NAME, asked(graded(1)), workspace=workspace)[0]
    for wrong in (5.5, -1, "much", None):
        with pytest.raises(InvalidInput):
            feedback(made.id, value=wrong, workspace=workspace)


def test_the_untuned_base_is_measured_by_its_own_cosine(workspace: Workspace, tmp_path: Path) -> None:
    address = f"path:{tiny_fast_encoder(tmp_path / 'fast')}"
    add(graded(ROWS), name=NAME, workspace=workspace)
    untuned = tune(NAME, task=TASK, base=address, method="zero-shot", workspace=workspace)
    rows = asked(graded(LATER, seed=1))
    scores = [answer_of(p).score for p in predict(untuned.label, rows, workspace=workspace)]
    base = registry.load("bases", "fast-multilingual")()
    files = base.fit(address, [], options={}, cache=tmp_path, listener=lambda event: None)
    (tmp_path / "encoder.json").write_bytes(files["encoder.json"])
    features = base.load({**files, "encoder.json": tmp_path / "encoder.json"}).features
    cosines = (features([row["text_a"] for row in rows]) * features([row["text_b"] for row in rows])).sum(axis=1)
    assert abs(np.corrcoef(scores, cosines)[0, 1]) == pytest.approx(1, abs=1e-4)
    tuned_version = tune(NAME, task=TASK, base=address, workspace=workspace)
    before = next(
        c for c in evaluate(tuned_version.label, workspace=workspace).comparisons if "before tuning" in c.name.en
    )
    assert before.champion.value == pytest.approx(untuned.scores["pearson"].value, abs=1e-6)
    assert compare(untuned.label, tuned_version.label, workspace=workspace)


def test_the_label_for_the_same_may_be_named(workspace: Workspace) -> None:
    turned = [{**row, "same": {"yes": "b", "no": "a"}[str(row["same"])]} for row in rows_of(ROWS)]
    add(turned, name=NAME, workspace=workspace)
    version = tune(NAME, task=TASK, base="ngrams", settings={"spec.options.same": "a"}, workspace=workspace)
    assert version.spec.options["same"] == "a"
    answer = answer_of(predict(version.label, asked(turned[1:2]), workspace=workspace)[0])
    assert turned[1]["same"] == "b"
    assert answer.same is False


def test_a_target_that_is_neither_scale_nor_yes_and_no_is_refused(workspace: Workspace) -> None:
    three = [{**row, "same": ("yes", "no", "perhaps")[n % 3]} for n, row in enumerate(rows_of(90))]
    add(three, name="three", workspace=workspace)
    with pytest.raises(UnsuitableData, match="perhaps"):
        tune("three", task=TASK, base="ngrams", workspace=workspace)
    level = [{**row, "grade": 2.5} for row in graded(90)]
    add(level, name="level", kinds={"grade": "number"}, workspace=workspace)
    with pytest.raises(UnsuitableData, match="nothing to tell apart"):
        tune("level", task=TASK, base="ngrams", workspace=workspace)


def test_one_text_column_alone_cannot_be_compared(workspace: Workspace) -> None:
    lone = [{"text": row["text_a"], "same": row["same"]} for row in rows_of(90)]
    add(lone, name="lone", kinds={"text": "text"}, workspace=workspace)
    with pytest.raises(InvalidConfig, match="Two text columns"):
        tune("lone", task=TASK, base="ngrams", workspace=workspace)
