"""A text is sent as it is written, and what was sent is the answer that was logged."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.server.process import ServerProcess
from tests.tiny_writers import tiny_seq2seq
from tuneworks.client import Client, Predicted
from tuneworks.core.answers import TextAnswer
from tuneworks.core.errors import InvalidInput, Overloaded
from tuneworks.core.types import Prediction, Recipe, RunConfig, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.tune import tune
from tuneworks.server.limits import MOST_TEXTS
from tuneworks.server.streams import Texts
from tuneworks.tasks.text_generation import TextGeneration

ROW = {"text": "the courier is late 7"}


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose deployment ``replies`` writes with a tiny T5."""
    folder = tmp_path_factory.mktemp("writing")
    config = RunConfig(
        spec=TaskSpec(options={"max_new_tokens": 12}), recipe=Recipe(f"path:{tiny_seq2seq(folder / 't5')}", epochs=1)
    )
    with Workspace.open(folder / ".tuneworks") as workspace:
        rows = [dict(row) for row in TextGeneration().sample(80, 0)[1]]
        add(rows, name="replies", kinds={"answer": "text"}, workspace=workspace)
        tune("replies", target="answer", config=config, workspace=workspace)
        deploy("replies", workspace=workspace)
    with ServerProcess(folder / ".tuneworks") as running:
        yield running


def test_the_pieces_are_the_logged_answer(writing: ServerProcess) -> None:
    with Client(writing.url, token=writing.token) as client:
        *pieces, last = client.stream("replies", ROW, key="row-7")
        (whole,) = client.predict("replies", [ROW])
        assert isinstance(last, Predicted)
        assert isinstance(last.answer, TextAnswer)
        assert isinstance(whole.answer, TextAnswer)
        assert "".join(map(str, pieces)) == last.answer.text == whole.answer.text
        assert (last.key, last.version) == ("row-7", "replies@1")
        assert client.prediction(last.id)["prediction"]["answer"]["text"] == last.answer.text


def test_what_is_wrong_with_a_request_is_said_before_the_first_piece(writing: ServerProcess) -> None:
    path = f"{writing.url}/v1/deployments/replies/predict"
    for body in ({"rows": [ROW, ROW], "stream": True}, {"row": {"words": "a"}, "stream": True}):
        answered = httpx.post(path, json=body, trust_env=False, headers=writing.headers)
        assert answered.status_code == 422
        assert answered.json()["code"] == "InvalidInput"
    with Client(writing.url, token=writing.token) as client, pytest.raises(InvalidInput):
        list(client.stream("replies", {"words": "a"}))


def test_texts_past_what_can_be_written_are_refused_and_asked_for_again(writing: ServerProcess) -> None:
    path, body = f"{writing.url}/v1/deployments/replies/predict", {"row": ROW, "stream": True}
    many = {"model": "replies", "prompt": ["the courier"] * (MOST_TEXTS - 1)}
    with httpx.Client(trust_env=False, headers=writing.headers, timeout=60) as client, ThreadPoolExecutor(40) as pool:
        answered = list(pool.map(lambda _: client.post(path, json=body), range(3 * MOST_TEXTS)))
        several = client.post(f"{writing.url}/v1/completions", json=many)
    refused = [one for one in answered if one.status_code == 503]
    assert {one.status_code for one in answered} <= {200, 503}
    assert all(int(one.headers["retry-after"]) > 0 for one in refused)
    assert several.status_code == 200
    assert len(several.json()["choices"]) == MOST_TEXTS - 1


def test_a_text_that_nobody_reads_any_more_makes_room() -> None:
    def pieces() -> Generator[str, None, Prediction]:
        yield "a"
        raise AssertionError

    texts = Texts()
    held = [pieces() for _ in range(MOST_TEXTS)]
    texts.begin(*held)
    with pytest.raises(Overloaded):
        texts.begin(pieces())
    del held[:]
    gc.collect()
    texts.begin(*(kept := [pieces()]))
    assert len(kept) == 1


def test_events_carry_one_line_each(writing: ServerProcess) -> None:
    path = f"{writing.url}/v1/deployments/replies/predict"
    with httpx.stream(
        "POST", path, json={"row": ROW, "stream": True}, trust_env=False, headers=writing.headers
    ) as answered:
        assert answered.headers["x-model-version"] == "replies@1"
        assert answered.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answered.iter_lines() if line]
    assert lines[-2] == "event: prediction"
    assert {line.partition(": ")[0] for line in lines} == {"event", "data"}
