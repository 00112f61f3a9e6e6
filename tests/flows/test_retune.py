"""Learning on: what people corrected is learnt, and only what is measurably better takes over."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tuneworks.core.asking import Row
from tuneworks.core.errors import InvalidInput, TuneworksError
from tuneworks.core.types import DatasetName, Deployment, Event, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict
from tuneworks.flows.references import dataset_of, version_of
from tuneworks.flows.retune import merge, retune
from tuneworks.flows.rows import read_rows
from tuneworks.flows.tune import tune
from tuneworks.testing.workspaces import NAME, deployed_workspace, sample_rows

SPEC = TaskSpec(inputs={"text": "text"}, target="topic")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with deployed_workspace(tmp_path / ".tuneworks") as opened:
        yield opened


def correct(workspace: Workspace, rows: Sequence[Row], truth: str | None = None) -> None:
    """Predict rows and send the truth: the one given, or what was answered."""
    for made in predict(NAME, rows, workspace=workspace):
        feedback(made.id, value=truth or made.answer.label, workspace=workspace)


def refunds(rows: int) -> list[dict[str, str]]:
    return [{"text": f"please give me my money back for order {number}"} for number in range(rows)]


def champion(workspace: Workspace) -> str:
    return version_of(workspace, f"{NAME}@champion").label


def test_a_label_the_champion_does_not_know_is_learnt_and_promoted(workspace: Workspace) -> None:
    correct(workspace, refunds(200), "refund")
    heard: list[Event] = []
    outcome = retune(NAME, workspace=workspace, listener=heard.append)
    assert outcome.promoted
    assert outcome.comparison.difference.low > 0
    assert champion(workspace) == outcome.version.label == f"{NAME}@2"
    assert "refund" in outcome.version.spec.labels
    assert heard[-1].kind == "promoted"
    assert predict(NAME, refunds(1), workspace=workspace)[0].answer.label == "refund"
    deployment = workspace.store.get(Deployment, NAME)
    assert deployment is not None
    assert [version_of(workspace, served.version_id).label for served in deployment.previous] == [f"{NAME}@1"]


def test_a_candidate_that_is_not_better_is_not_promoted_and_the_figures_are_said(workspace: Workspace) -> None:
    correct(workspace, [{"text": f"where is my parcel number {number}"} for number in range(20)])
    heard: list[Event] = []
    outcome = retune(NAME, workspace=workspace, listener=heard.append)
    assert not outcome.promoted
    assert champion(workspace) == f"{NAME}@1"
    assert outcome.version.label == f"{NAME}@2"
    assert heard[-1].kind == "kept"
    assert f"{outcome.comparison.difference.value:+.4f}" in heard[-1].message.en
    assert f"{outcome.comparison.rows}" in heard[-1].message.zh


@pytest.mark.parametrize("seed", range(3))
def test_truth_thrown_like_a_coin_makes_no_champion(workspace: Workspace, seed: int) -> None:
    coin = random.Random(seed)
    for made in predict(
        NAME, [{"text": f"{row['text']} again"} for row in _rows(workspace)[:150]], workspace=workspace
    ):
        feedback(made.id, value=coin.choice(["delivery", "payment"]), workspace=workspace)
    outcome = retune(NAME, workspace=workspace)
    assert not outcome.promoted
    assert champion(workspace) == f"{NAME}@1"


def test_the_dataset_grows_by_what_was_judged_and_its_name_follows(workspace: Workspace) -> None:
    before = dataset_of(workspace, NAME)
    correct(workspace, refunds(60), "refund")
    predict(NAME, [{"text": "nobody judged this"}], workspace=workspace)
    outcome = retune(NAME, workspace=workspace)
    assert outcome.dataset.parent_id == before.id
    assert outcome.dataset.rows == before.rows + 60
    assert workspace.store.get(DatasetName, NAME).dataset_id == outcome.dataset.id
    assert outcome.version.dataset_id == outcome.dataset.id
    assert outcome.version.parent_id == version_of(workspace, f"{NAME}@1").id
    texts = [row["text"] for row in read_rows(workspace, outcome.dataset)]
    assert "nobody judged this" not in texts


def test_the_report_of_a_candidate_counts_the_gate_and_names_its_rows(workspace: Workspace) -> None:
    correct(workspace, refunds(60), "refund")
    version = retune(NAME, workspace=workspace).version
    report = json.loads((workspace.reports / version.label / "report.json").read_text(encoding="utf-8"))
    assert len(report["test_scored"]) == report["provenance"]["test_scored"] == 2
    assert report["provenance"]["dataset"] == NAME


def test_a_retuning_that_fails_leaves_the_name_where_it_was(workspace: Workspace) -> None:
    before = dataset_of(workspace, NAME)
    correct(workspace, refunds(60), "refund")
    base = version_of(workspace, f"{NAME}@1")
    workspace.store.put(replace(base, recipe=replace(base.recipe, method="absent")))
    with pytest.raises(TuneworksError, match="absent"):
        retune(NAME, workspace=workspace)
    assert dataset_of(workspace, NAME) == before
    workspace.store.put(base)
    outcome = retune(NAME, workspace=workspace)
    assert dataset_of(workspace, NAME) == outcome.dataset


def test_a_retuning_that_lost_is_tried_again_with_all_that_was_judged(workspace: Workspace) -> None:
    correct(workspace, [{"text": f"where is my parcel number {number}"} for number in range(20)])
    first = retune(NAME, workspace=workspace)
    correct(workspace, refunds(200), "refund")
    second = retune(NAME, workspace=workspace)
    assert (first.promoted, second.promoted) == (False, True)
    assert second.dataset.rows == first.dataset.rows + 200
    assert workspace.store.get(DatasetName, NAME).dataset_id == second.dataset.id


def test_without_judged_predictions_the_way_to_judge_is_said(workspace: Workspace) -> None:
    made = predict(NAME, [{"text": "where is my parcel"}], workspace=workspace)[0]
    feedback(made.id, correct=False, workspace=workspace)
    with pytest.raises(InvalidInput, match="nothing new to learn") as caught:
        retune(NAME, workspace=workspace)
    assert "tuneworks feedback" in caught.value.fix.en
    assert "tuneworks feedback 预测ID --value 值" in caught.value.fix.zh


def test_labels_the_user_named_stay_the_labels(workspace: Workspace) -> None:
    others = [{**row, "topic": "refund"} for row in refunds(100)]
    add([*sample_rows(400), *others], name="narrow", workspace=workspace)
    asked = {"spec.labels": ["delivery", "payment"]}
    tune("narrow", target="topic", base="ngrams", settings=asked, workspace=workspace)
    deploy("narrow", workspace=workspace)
    for _ in range(2):
        made = predict("narrow", [{"text": "where is my parcel"}], workspace=workspace)[0]
        feedback(made.id, value="delivery", workspace=workspace)
        assert retune("narrow", workspace=workspace).version.spec.labels == ("delivery", "payment")


@pytest.mark.parametrize(("kind", "split"), [("category", "group(customer)"), ("time", "time(customer)")])
def test_judged_rows_find_their_side_where_rows_are_split_by_group_or_time(
    workspace: Workspace, kind: str, split: str
) -> None:
    said = [f"2025-01-{1 + number % 28:02d}" for number in range(400)]
    rows = [{**row, "customer": who} for row, who in zip(sample_rows(400), said, strict=True)]
    kinds = {"text": "text", "topic": "category", "customer": kind}
    add(rows, name="grouped", kinds=kinds, workspace=workspace)
    tune("grouped", target="topic", base="ngrams", settings={"spec.split": split}, workspace=workspace)
    deploy("grouped", workspace=workspace)
    asked = refunds(40) + [{**row, "customer": "2025-01-05"} for row in refunds(60)[40:]]
    for made in predict("grouped", asked, workspace=workspace):
        feedback(made.id, value="refund", workspace=workspace)
    outcome = retune("grouped", workspace=workspace)
    judged = [row["customer"] for row in read_rows(workspace, outcome.dataset) if row["topic"] == "refund"]
    assert len(judged) == 60
    assert judged.count("2025-01-05") == 20
    assert all(judged)


def test_of_equal_content_the_latest_judgement_is_kept_alone() -> None:
    old = [{"text": "Where is it", "topic": "a"}, {"text": "other", "topic": "a"}, {"text": "other", "topic": "a"}]
    judged = [{"text": " where  IS it", "topic": "new"}, {"text": "where is it", "topic": "older"}]
    merged = merge(old, judged, SPEC)
    assert [row["topic"] for row in merged] == ["a", "a", "new"]


def test_a_judged_row_keeps_the_side_of_the_row_it_replaces() -> None:
    old = [{"text": "one", "topic": "a", "split": "test"}, {"text": "two", "topic": "a", "split": "train"}]
    merged = merge(old, [{"text": "one", "topic": "b", "split": None}], SPEC)
    assert {"text": "one", "topic": "b", "split": "test"} in merged
    assert len(merged) == 2


def _rows(workspace: Workspace) -> list[dict[str, str]]:
    return read_rows(workspace, dataset_of(workspace, NAME))


def test_what_the_ladder_kept_is_what_is_tuned_anew(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / ".tuneworks") as workspace:
        add(sample_rows(), name=NAME, workspace=workspace)
        first = tune(NAME, target="topic", budget=1e-5, goal=0.999, workspace=workspace)
        deploy(NAME, workspace=workspace)
        correct(workspace, refunds(5), "refund")
        assert retune(NAME, workspace=workspace).version.recipe == first.recipe
