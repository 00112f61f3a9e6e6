"""Watching: quiet while nothing changes, clear about what changed, honest about too little data."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.types import Event, Signal
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict
from tuneworks.flows.tune import tune
from tuneworks.flows.watch import watch
from tuneworks.testing.workspaces import NAME, deployed_workspace, sample_rows, tune_again

STEADY = [{"text": row["text"]} for row in sample_rows(120, seed=11)]
FOREIGN = [{"text": f"地铁几点停运？末班车 {number} 点开往机场吗"} for number in range(120)]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with deployed_workspace(tmp_path / ".tuneworks", rows=600) as opened:
        yield opened


def raised(signals: list[Signal]) -> set[str]:
    return {signal.detector for signal in signals if signal.raised}


def test_steady_rows_raise_nothing_and_the_figures_are_kept(workspace: Workspace) -> None:
    predict(NAME, STEADY, workspace=workspace)
    signals = watch(NAME, workspace=workspace)
    assert {signal.detector for signal in signals} == {"input-shift", "prediction-shift"}
    assert raised(signals) == set()
    assert workspace.store.find(Signal, deployment=NAME) == signals
    assert {signal.window for signal in signals} == {120}


def test_rows_from_elsewhere_are_a_shift_of_inputs(workspace: Workspace) -> None:
    predict(NAME, FOREIGN, workspace=workspace)
    assert "input-shift" in raised(watch(NAME, workspace=workspace))


def test_one_label_alone_is_a_shift_of_predictions(workspace: Workspace) -> None:
    predict(NAME, [{"text": f"where is my parcel {number}"} for number in range(80)], workspace=workspace)
    assert "prediction-shift" in raised(watch(NAME, workspace=workspace))


def test_only_the_last_window_of_this_champion_is_watched(workspace: Workspace) -> None:
    predict(NAME, FOREIGN, workspace=workspace)
    predict(NAME, STEADY, workspace=workspace)
    assert raised(watch(NAME, window=120, workspace=workspace)) == set()
    deploy(tune_again(workspace).label, workspace=workspace)
    heard: list[Event] = []
    assert watch(NAME, workspace=workspace, listener=heard.append) == []
    assert {event.kind for event in heard} >= {"too-little"}


def test_wrong_answers_and_new_labels_are_told_by_feedback(workspace: Workspace) -> None:
    for number, made in enumerate(predict(NAME, STEADY, workspace=workspace)):
        wrong = "payment" if made.answer.label == "delivery" else "delivery"
        feedback(made.id, value=["refund", wrong, made.answer.label][number % 3], workspace=workspace)
    signals = {signal.detector: signal for signal in watch(NAME, workspace=workspace)}
    assert raised(list(signals.values())) == {"realised-performance", "unseen-values"}
    assert signals["unseen-values"].value == 40
    assert signals["realised-performance"].value == pytest.approx(2 / 3)
    assert "refund" in signals["unseen-values"].message.zh


def test_the_reference_error_is_that_of_rows_no_fit_has_seen(workspace: Workspace) -> None:
    """Half of the labels are noise: a model knows the noise of the rows it was fitted on, of no others."""
    noise = random.Random(0)
    rows = [{"text": f"{noise.getrandbits(64):x}", "topic": noise.choice(["odd", "even"])} for _ in range(600)]
    add(rows, name="noise", workspace=workspace)
    deploy(tune("noise", target="topic", base="ngrams", workspace=workspace).label, workspace=workspace)
    for made in predict("noise", [{"text": f"{noise.getrandbits(64):x}"} for _ in range(100)], workspace=workspace):
        feedback(made.id, value=noise.choice(["odd", "even"]), workspace=workspace)
    signals = {signal.detector: signal for signal in watch("noise", workspace=workspace)}
    assert signals["realised-performance"].value > 0.35
    assert not signals["realised-performance"].raised


def test_right_answers_raise_nothing(workspace: Workspace) -> None:
    for made in predict(NAME, STEADY, workspace=workspace):
        feedback(made.id, correct=True, workspace=workspace)
    assert raised(watch(NAME, workspace=workspace)) == set()


def test_too_little_data_is_said_for_each_detector_and_stores_nothing(workspace: Workspace) -> None:
    predict(NAME, STEADY[:5], workspace=workspace)
    heard: list[Event] = []
    assert watch(NAME, workspace=workspace, listener=heard.append) == []
    said = [event.message for event in heard if event.kind == "too-little"]
    assert len(said) == len(registry.names("detectors"))
    assert all("5 predictions" in message.en and "5 条" in message.zh for message in said)
    assert workspace.store.find(Signal) == []


def test_an_unknown_deployment_or_an_empty_window_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        watch("unknown", workspace=workspace)
    with pytest.raises(InvalidInput):
        watch(NAME, window=0, workspace=workspace)
