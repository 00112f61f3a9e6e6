"""What the server answers is what the library answers, and every answer can be traced and judged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.server.process import ServerProcess
from tuneworks.client import Client
from tuneworks.core.answers import ClassAnswer
from tuneworks.core.types import Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.predict import predict
from tuneworks.testing.workspaces import NAME, sample_rows

ROWS = [{"text": row["text"]} for row in sample_rows(200, seed=7)]


def test_a_served_answer_equals_the_librarys(client: Client, served_folder: Path) -> None:
    served = [prediction.answer for prediction in client.predict(NAME, ROWS)]
    with Workspace.open(served_folder) as workspace:
        assert served == [prediction.answer for prediction in predict(NAME, ROWS, log=False, workspace=workspace)]


def test_answers_keep_the_order_of_the_rows_and_their_keys(client: Client) -> None:
    keys = [f"order-{number}" for number in range(len(ROWS))]
    many = client.predict(NAME, ROWS, keys=keys)
    alone = [client.predict(NAME, [row])[0] for row in ROWS[:10]]
    assert [one.key for one in many] == keys
    assert [one.answer.label for one in many[:10]] == [one.answer.label for one in alone]
    assert [one.answer.score for one in many[:10]] == pytest.approx([one.answer.score for one in alone])


def test_one_row_may_come_alone(server: ServerProcess) -> None:
    answered = httpx.post(
        f"{server.url}/v1/deployments/{NAME}/predict", json={"row": {"text": "快递太慢了"}}, headers=server.headers
    ).json()
    assert [one["answer"]["label"] for one in answered["predictions"]] == ["delivery"]
    assert answered["predictions"][0]["version"] == f"{NAME}@1"


def test_an_empty_text_is_answered(client: Client) -> None:
    answer = client.predict(NAME, [{"text": ""}])[0].answer
    assert isinstance(answer, ClassAnswer)
    assert sum(answer.scores.values()) == pytest.approx(1.0)


def test_every_answer_is_logged_with_what_it_was_asked(client: Client, served_folder: Path) -> None:
    answered = client.predict(NAME, [{"text": "where is my parcel", "secret": "not the model's business"}], keys=["k1"])
    with Workspace.open(served_folder) as workspace:
        logged = workspace.store.get(Prediction, answered[0].id)
    assert logged is not None
    assert (logged.inputs, logged.answer, logged.key) == ({"text": "where is my parcel"}, answered[0].answer, "k1")


def test_an_answer_knows_its_version_run_data_and_feedback(client: Client) -> None:
    given = client.predict(NAME, [{"text": "i paid twice"}])[0]
    judged = client.feedback(given.id, "delivery", source="reviewer")
    lineage = client.prediction(given.id)
    assert lineage["prediction"]["id"] == given.id
    assert lineage["version"]["name"] == NAME
    assert lineage["run"]["id"] == lineage["version"]["run_id"]
    assert lineage["run"]["version_id"] == lineage["version"]["id"]
    assert lineage["dataset"]["id"] == lineage["version"]["dataset_id"]
    assert [one["id"] for one in lineage["feedback"]] == [judged.id]
    assert judged.correct is False


def test_feedback_with_a_label_new_to_the_model_says_so(client: Client, server: ServerProcess) -> None:
    given = client.predict(NAME, [{"text": "i paid twice"}])[0]
    noted = client.feedback(given.id, "paymnt")
    assert (noted.value, noted.correct) == ("paymnt", False)
    assert noted.note is not None
    assert "Did you mean 'payment'?" in noted.note.en
    said = httpx.post(
        f"{server.url}/v1/predictions/{given.id}/feedback", json={"value": "paymnt"}, headers=server.headers
    ).json()
    assert said["note"] == {"en": noted.note.en, "zh": noted.note.zh}


def test_what_is_served_and_stored_can_be_listed(client: Client, server: ServerProcess) -> None:
    assert client.health()["deployments"] == {NAME: f"{NAME}@1"}
    assert [one["champion"] for one in client.deployments()] == [f"{NAME}@1"]
    with httpx.Client(base_url=server.url, headers=server.headers) as http:
        version = http.get(f"/v1/versions/{NAME}@champion").json()
        assert [one["id"] for one in http.get("/v1/versions", params={"name": NAME}).json()] == [version["id"]]
        assert http.get(f"/v1/runs/{version['run_id']}").json()["status"] == "finished"
        assert [one["id"] for one in http.get("/v1/datasets").json()] == [version["dataset_id"]]
        assert http.get(f"/v1/deployments/{NAME}").json()["deployment"]["champion"]["version_id"] == version["id"]
        assert http.get("/v1/signals").json() == []


def test_callers_at_the_same_time_get_their_own_answers(client: Client, server: ServerProcess) -> None:
    expected = {row["text"]: one.answer.label for row, one in zip(ROWS, client.predict(NAME, ROWS), strict=True)}

    def ask(part: int) -> list[tuple[str, str]]:
        with Client(server.url, token=server.token) as own:
            return [(row["text"], own.predict(NAME, [row])[0].answer.label) for row in ROWS[part::8]]

    with ThreadPoolExecutor(8) as callers:
        answered = [pair for pairs in callers.map(ask, range(8)) for pair in pairs]
    assert len(answered) == len(ROWS)
    assert all(expected[text] == label for text, label in answered)


def test_the_description_shows_how_to_ask_and_how_errors_look(server: ServerProcess) -> None:
    described = httpx.get(f"{server.url}/openapi.json").json()
    asking = described["paths"]["/v1/deployments/{name}/predict"]["post"]
    judging = described["paths"]["/v1/predictions/{id}/feedback"]["post"]
    for operation in (asking, judging):
        assert operation["requestBody"]["content"]["application/json"]["examples"]
        assert {"400", "404", "422"} <= operation["responses"].keys()
        assert list(operation["responses"]["422"]["content"]) == ["application/problem+json"]


def test_the_examples_of_the_description_work(server: ServerProcess) -> None:
    asking = httpx.get(f"{server.url}/openapi.json").json()["paths"]["/v1/deployments/{name}/predict"]["post"]
    for example in asking["requestBody"]["content"]["application/json"]["examples"].values():
        assert (
            httpx.post(
                f"{server.url}/v1/deployments/{NAME}/predict", json=example["value"], headers=server.headers
            ).status_code
            == 200
        )
