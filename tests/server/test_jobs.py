"""A file is answered as a job: followed, stopped, and gone on with after a kill without answering a row twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.server.process import ServerProcess
from tuneworks.client import Client
from tuneworks.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Overloaded, UnreadableFile
from tuneworks.core.following import follow, start_process
from tuneworks.core.types import Prediction, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.batch_job import ANSWERING, KIND, batch_answers, incoming, queue_batch
from tuneworks.flows.inspect import delete
from tuneworks.flows.keys import Limits, new_key
from tuneworks.flows.predict import predict
from tuneworks.flows.references import run_of
from tuneworks.flows.resume import resume
from tuneworks.server.limits import MOST_JOBS
from tuneworks.testing.workspaces import NAME, sample_rows

ROWS = 1200
MANY_ROWS = 6_000  # so many that a kill comes before the last of them


def table(path: Path, rows: int) -> list[str]:
    """A CSV file with so many rows and a column of keys; the texts."""
    texts = [sample_rows(1, seed=number)[0]["text"] + f" {number}" for number in range(rows)]
    path.write_text("text,order\n" + "".join(f'"{t}",o-{i}\n' for i, t in enumerate(texts)), encoding="utf-8")
    return texts


def test_a_file_is_answered_like_its_rows(client: Client, served_folder: Path, tmp_path: Path) -> None:
    texts = table(tmp_path / "mails.csv", 300)
    job = client.start_job(NAME, tmp_path / "mails.csv", key="order")
    told = list(client.follow(job["id"]))
    assert told[-1]["kind"] == "finished"
    assert any(event["total"] == 300 and event["message"]["en"] == ANSWERING.en for event in told)
    answers = list(client.job_answers(job["id"]))
    assert [one.key for one in answers] == [f"o-{number}" for number in range(300)]
    with Workspace.open(served_folder) as workspace:
        known = predict(NAME, [{"text": text} for text in texts], log=False, workspace=workspace)
        assert [one.answer.label for one in answers] == [one.answer.label for one in known]
        logged = workspace.store.get(Prediction, answers[7].id)
        assert logged is not None
        assert (logged.key, logged.inputs) == ("o-7", {"text": texts[7]})
    done = client.job(job["id"])
    assert (done["status"], done["rows"], done["version"]) == ("finished", 300, f"{NAME}@1")
    assert client.feedback(answers[0].id, "payment").prediction_id == answers[0].id


def test_a_key_for_one_deployment_follows_its_jobs_and_no_other_run(
    server: ServerProcess, served_folder: Path, tmp_path: Path
) -> None:
    table(tmp_path / "mails.csv", 20)
    with Workspace.open(served_folder) as workspace:
        token = new_key("the shop", role="viewer", limits=Limits(deployments=(NAME,)), workspace=workspace).token
        tuned = workspace.store.find(Run, kind="tune")[0].id
    with Client(server.url, token=token) as shop:
        assert len(list(shop.predict_file(NAME, tmp_path / "mails.csv"))) == 20
        with pytest.raises(Forbidden):
            list(shop.follow(tuned))


def test_jobs_past_what_may_be_at_work_are_refused(client: Client, served_folder: Path, tmp_path: Path) -> None:
    table(tmp_path / "mails.csv", 5)
    with Workspace.open(served_folder) as workspace:
        (like,) = workspace.store.find(Run, limit=1)
        many = [replace(like, id=f"run-{number:016x}", kind=KIND, status="queued") for number in range(MOST_JOBS)]
        for one in many:
            workspace.store.put(one)
        with pytest.raises(Overloaded):
            client.start_job(NAME, tmp_path / "mails.csv")
        for one in many:
            workspace.store.put(replace(one, status="cancelled"))
    client.start_job(NAME, tmp_path / "mails.csv")


def test_a_file_that_cannot_be_answered_is_refused_or_fails_before_its_first_answer(
    client: Client, tmp_path: Path, served_folder: Path
) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"txt": "b"}\n')
    job = client.start_job(NAME, tmp_path / "a.jsonl")
    list(client.follow(job["id"]))
    failed = client.job(job["id"])
    assert failed["status"] == "failed"
    assert "Row 2" in failed["error"]["en"]
    with pytest.raises(Conflict, match="failed"):
        list(client.job_answers(job["id"]))
    (tmp_path / "c.jsonl").write_text('{"text": ')
    with pytest.raises(UnreadableFile):
        client.start_job(NAME, tmp_path / "c.jsonl")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InvalidInput, match="no file"):
        client.start_job(NAME, tmp_path / "empty.csv")
    with pytest.raises(NotFound):
        client.start_job("tickers", tmp_path / "a.jsonl")
    assert not list((served_folder / "checkpoints").glob(".upload*"))


def test_a_file_of_the_workspace_is_answered_and_no_other_place_is_reached(
    server: ServerProcess, served_folder: Path, tmp_path: Path
) -> None:
    (served_folder / "files" / "in").mkdir(parents=True)
    (served_folder / "files" / "in" / "some.txt").write_text("where is my parcel\n快递太慢了\n", encoding="utf-8")
    (served_folder / "files" / "link.txt").symlink_to(served_folder / "token")
    url = f"{server.url}/v1/deployments/{NAME}/jobs"
    with httpx.Client(headers=server.headers, trust_env=False) as http:
        begun = http.post(url, params={"path": "in/some.txt"})
        assert (begun.status_code, begun.json()["layout"]) == (202, "lines")
        for path in ("../token", "../store.db", "/etc/passwd", "link.txt", "in", "nothing.txt", "a\0b", "../files"):
            refused = http.post(url, params={"path": path})
            assert (refused.status_code, refused.json()["code"]) == (404, "NotFound"), path


def test_a_killed_job_goes_on_and_no_row_is_answered_twice(served_folder: Path, tmp_path: Path) -> None:
    with Workspace.open(served_folder) as workspace:
        place = incoming(workspace, "mails.csv")
        table(place, MANY_ROWS)
        job = queue_batch(NAME, place, key="order", workspace=workspace)
        process = start_process(workspace, run_of(workspace, job.id))
        for event in follow(workspace, job.id):
            if event is not None and event.message == ANSWERING:
                process.kill()
                break
        process.wait()
        resume(job.id, workspace=workspace)
        lines = [json.loads(line) for line in batch_answers(workspace, job.id).read_text().splitlines()]
        assert [line["key"] for line in lines] == [f"o-{number}" for number in range(MANY_ROWS)]
        logged = {one.id: one for one in workspace.store.find(Prediction)}
        assert len({line["id"] for line in lines}) == MANY_ROWS
        assert all(logged[line["id"]].answer.label == line["answer"]["label"] for line in lines)
        ours = [one for one in logged.values() if one.id in {line["id"] for line in lines}]
        assert len(ours) == MANY_ROWS
        assert run_of(workspace, job.id).claims == 2
        assert not (workspace.checkpoints / job.id).exists()


def test_a_job_is_cancelled_and_forgotten(client: Client, served_folder: Path) -> None:
    with Workspace.open(served_folder) as workspace:
        place = incoming(workspace, "mails.csv")
        table(place, 10)
        job = queue_batch(NAME, place, workspace=workspace)
        assert client.cancel_job(job.id)["status"] == "cancelled"
        assert workspace.store.get(Run, job.id).status == "cancelled"
        with pytest.raises(Conflict):
            client.resume_job(job.id)
        assert not (workspace.checkpoints / job.id).exists()
        delete("runs", job.id, workspace=workspace)
    with pytest.raises(NotFound):
        client.job(job.id)
