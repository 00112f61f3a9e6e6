"""Feedback finds its prediction, must be usable truth, and may bring labels nobody knew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tuneworks.core.answers import Span, SpansAnswer
from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.types import Feedback, Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.feedback import feedback
from tuneworks.flows.judged import judged_predictions
from tuneworks.flows.predict import predict
from tuneworks.testing.workspaces import NAME, deployed_workspace

TEXT = "张三 lives in Paris"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with deployed_workspace(tmp_path_factory.mktemp("feedback") / ".tuneworks", rows=200) as opened:
        yield opened


@pytest.fixture
def given(workspace: Workspace) -> Prediction:
    return predict(NAME, [{"text": "where is my parcel"}], keys=["order-1"], workspace=workspace)[0]


@pytest.fixture
def spans_given(workspace: Workspace, given: Prediction) -> Prediction:
    """A logged prediction of spans."""
    found = Prediction(
        f"spans-{given.id}",
        NAME,
        given.version_id,
        given.made,
        {"text": TEXT},
        SpansAnswer((Span(0, 2, "PERSON"),)),
        1.0,
    )
    workspace.store.append([found])
    return found


def test_truth_tells_whether_the_answer_was_right(workspace: Workspace, given: Prediction) -> None:
    assert feedback(given.id, value="delivery", workspace=workspace).correct is True
    assert feedback(given.id, value="payment", workspace=workspace).correct is False


def test_the_latest_feedback_counts(workspace: Workspace, given: Prediction) -> None:
    feedback(given.id, value="payment", workspace=workspace)
    last = feedback(given.id, value="delivery", workspace=workspace)
    assert [verdict for prediction, verdict in judged_predictions(workspace, NAME) if prediction.id == given.id] == [
        last
    ]


def test_a_key_finds_the_latest_prediction_made_for_it(workspace: Workspace, given: Prediction) -> None:
    later = predict(NAME, [{"text": "i paid twice"}], keys=["order-1"], workspace=workspace)[0]
    found = feedback(key="order-1", value="payment", workspace=workspace)
    assert (found.prediction_id, found.key) == (later.id, "order-1")


def test_a_new_label_is_news_not_an_error(workspace: Workspace, given: Prediction) -> None:
    noted = feedback(given.id, value="refund", workspace=workspace)
    assert noted.value == "refund"
    assert noted.note is not None
    assert f"'refund' is new to {NAME}@1" in noted.note.en
    assert "Did you mean" not in noted.note.en
    assert workspace.store.get(Feedback, noted.id) == noted


@pytest.mark.parametrize("slip", ["delivry", "DELIVERY", "deliveries"])
def test_a_label_that_may_be_a_slip_is_kept_and_the_nearest_is_named(
    workspace: Workspace, given: Prediction, slip: str
) -> None:
    noted = feedback(given.id, value=slip, workspace=workspace)
    assert noted.value == slip
    assert noted.note is not None
    assert "Did you mean 'delivery'?" in noted.note.en
    assert "您是想用 'delivery' 吗？" in noted.note.zh


def test_known_labels_and_verdicts_need_no_note(workspace: Workspace, given: Prediction) -> None:
    assert feedback(given.id, value="payment", workspace=workspace).note is None
    assert feedback(given.id, correct=False, workspace=workspace).note is None


def test_new_labels_of_spans_are_each_named_once(workspace: Workspace, spans_given: Prediction) -> None:
    places = [{"start": start, "end": start + 1, "label": label} for start, label in ((0, "CITY"), (1, "CITY"))]
    noted = feedback(spans_given.id, value=[*places, {"start": 3, "end": 4, "label": "delivery"}], workspace=workspace)
    assert noted.note is not None
    assert noted.note.en.count("'CITY'") == 1
    assert "'delivery'" not in noted.note.en


def test_a_verdict_needs_no_truth(workspace: Workspace, given: Prediction) -> None:
    verdict = feedback(given.id, correct=False, workspace=workspace)
    assert (verdict.value, verdict.correct) == (None, False)


def test_spans_are_kept_in_order_and_none_is_a_truth_too(workspace: Workspace, spans_given: Prediction) -> None:
    person, city = {"start": 0, "end": 2, "label": "PERSON"}, {"start": 12, "end": 17, "label": "CITY"}
    assert feedback(spans_given.id, value=[city, person], workspace=workspace).value == [person, city]
    assert feedback(spans_given.id, value=[person], workspace=workspace).correct is True
    assert feedback(spans_given.id, value=[], workspace=workspace).correct is False
    assert feedback(spans_given.id, value=[Span(0, 2, "PERSON")], workspace=workspace).correct is True


@pytest.mark.parametrize(
    "value",
    [
        "PERSON",
        [{"start": 0, "end": len(TEXT) + 1, "label": "PERSON"}],
        [{"start": 2, "end": 2, "label": "PERSON"}],
        [{"start": -1, "end": 2, "label": "PERSON"}],
        [{"start": "0", "end": 2, "label": "PERSON"}],
        [{"start": False, "end": True, "label": "PERSON"}],
        [{"start": 0, "end": 2}],
        [{"start": 0, "end": 2, "label": ""}],
        [[0, 2, "PERSON"]],
        {"start": 0, "end": 2, "label": "PERSON"},
    ],
)
def test_spans_outside_the_text_or_without_a_form_are_refused(
    workspace: Workspace, spans_given: Prediction, value: Any
) -> None:
    with pytest.raises(InvalidInput):
        feedback(spans_given.id, value=value, workspace=workspace)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"value": 3},
        {"value": ""},
        {"value": "\ud83d"},
        {"value": ["delivery"]},
        {"value": "delivery", "correct": False},
        {"correct": 1},
        {"value": "delivery", "weight": float("nan")},
        {"value": "delivery", "weight": -1},
        {"value": "delivery", "weight": True},
        {"value": "delivery", "source": 7},
    ],
)
def test_what_cannot_be_learnt_from_is_refused_and_not_stored(
    workspace: Workspace, given: Prediction, said: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        feedback(given.id, workspace=workspace, **said)
    assert caught.value.problem.zh != caught.value.problem.en
    assert workspace.store.find(Feedback, prediction_id=given.id) == []


def test_feedback_needs_one_prediction_that_exists(workspace: Workspace, given: Prediction) -> None:
    for said in ({"prediction": "pred-0"}, {"key": "order-none"}):
        with pytest.raises(NotFound):
            feedback(**said, value="delivery", workspace=workspace)
    for said in ({}, {"prediction": given.id, "key": "order-1"}):
        with pytest.raises(InvalidInput) as caught:
            feedback(**said, value="delivery", workspace=workspace)
        assert "tuneworks feedback ID --value VALUE" in caught.value.fix.en
        assert "tuneworks feedback ID --value 值" in caught.value.fix.zh


def test_answers_by_a_version_reference_leave_no_trace(workspace: Workspace) -> None:
    made = predict(f"{NAME}@1", [{"text": "a"}], workspace=workspace)[0]
    assert workspace.store.get(Prediction, made.id) is None
    with pytest.raises(NotFound):
        feedback(made.id, value="delivery", workspace=workspace)
