"""OpenAI's own client asks deployments unchanged; what would change an answer and is not offered is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from fastapi.testclient import TestClient

from tests.server.process import ServerProcess
from tests.tiny import tiny_encoder
from tests.tiny_writers import tiny_causal_lm
from tuneworks.client import Client
from tuneworks.core.access import token_in
from tuneworks.core.types import Prediction, Recipe, RunConfig, Shadow, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.embed import embed
from tuneworks.flows.predict import predict
from tuneworks.flows.references import deployment_of
from tuneworks.flows.tune import tune
from tuneworks.server.app import create_app
from tuneworks.server.exchange import LEFT, LEFT_STATUS
from tuneworks.server.limits import MOST_LONG
from tuneworks.serving.engine import engine_of
from tuneworks.tasks.text_generation import TextGeneration
from tuneworks.testing.workspaces import sample_rows

MOST = 12
SAID = [{"role": "user", "content": "the courier is late 7"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a deployment that writes (``chats``) and one that reads by an encoder (``topics``)."""
    folder = tmp_path_factory.mktemp("openai")
    with Workspace.open(folder / ".tuneworks") as workspace:
        rows = [dict(row) for row in TextGeneration().sample(60, 0)[1]]
        chats = [{"messages": [{"role": "user", "content": r["text"]}], "answer": r["answer"]} for r in rows]
        add(chats, name="chats", kinds={"answer": "text", "messages": "messages"}, workspace=workspace)
        recipe = Recipe(f"path:{tiny_causal_lm(folder / 'lm')}", epochs=1)
        config = RunConfig(spec=TaskSpec(options={"max_new_tokens": MOST}), recipe=recipe)
        tune("chats", target="answer", config=config, workspace=workspace)
        deploy("chats", workspace=workspace)
        add(sample_rows(100), name="topics", workspace=workspace)
        tune("topics", target="topic", base=f"path:{tiny_encoder(folder / 'bert')}", method="head", workspace=workspace)
        deploy("topics", workspace=workspace)
    return folder / ".tuneworks"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    with ServerProcess(folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.token, max_retries=0, http_client=http) as connected:
        yield connected


def known_answer(folder: Path) -> str:
    with Workspace.open(folder) as workspace:
        return predict("chats", [{"messages": SAID}], log=False, workspace=workspace)[0].answer.text


def test_deployments_are_models(client: openai.OpenAI) -> None:
    assert {model.id for model in client.models.list()} == {"chats", "topics"}
    assert client.models.retrieve("chats").owned_by == "tuneworks"
    with pytest.raises(openai.NotFoundError, match="Did you mean: chats"):
        client.models.retrieve("chat")


def test_a_conversation_is_answered_as_the_library_answers_it(
    client: openai.OpenAI, server: ServerProcess, folder: Path
) -> None:
    made = client.chat.completions.with_raw_response.create(model="chats", messages=SAID)
    assert made.headers["x-model-version"] == "chats@1"
    answer = made.parse()
    assert answer.choices[0].message.content == known_answer(folder)
    assert answer.system_fingerprint == "chats@1"
    with Client(server.url, token=server.token) as own:
        logged = own.prediction(answer.id)["prediction"]
        assert logged["answer"]["text"] == answer.choices[0].message.content
        assert own.feedback(answer.id, "parcel moved").prediction_id == answer.id


def test_tokens_are_counted_as_they_were_read_and_written(client: openai.OpenAI, folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        found = engine_of(workspace).model(deployment_of(workspace, "chats").champion)
        ((_, base),) = found.model.bases
        writer = base.writer()
        prompt = writer.prompts(SAID)
        steps = [step[0][0] for step in writer.written([prompt], MOST)]
    made = client.chat.completions.create(model="chats", messages=SAID)
    assert made.usage is not None
    written = sum(token >= 0 for token in steps)
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (len(prompt), written)
    assert made.choices[0].finish_reason == ("length" if written == MOST else "stop")
    short = client.chat.completions.create(model="chats", messages=SAID, max_tokens=3)
    assert short.usage is not None
    assert short.usage.completion_tokens == min(3, written)
    assert short.choices[0].finish_reason == ("length" if written >= 3 else "stop")
    assert (made.choices[0].message.content or "").startswith(short.choices[0].message.content or "")


def test_a_stream_is_the_same_answer_in_pieces(client: openai.OpenAI, folder: Path) -> None:
    whole = client.chat.completions.create(model="chats", messages=SAID)
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="chats", messages=SAID, stream=True, stream_options=options))
    told = [choice for chunk in chunks for choice in chunk.choices]
    assert told[0].delta.role == "assistant"
    assert "".join(choice.delta.content or "" for choice in told) == whole.choices[0].message.content
    assert [choice.finish_reason for choice in told if choice.finish_reason] == [whole.choices[0].finish_reason]
    assert chunks[-1].usage == whole.usage


def test_a_challenger_in_shadow_is_asked_for_completions_too(client: openai.OpenAI, folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        served = deployment_of(workspace, "chats")
        workspace.store.put(replace(served, challenger=served.champion, mode="shadow"))
        answered = client.chat.completions.create(model="chats", messages=SAID)
        deadline = time.monotonic() + 20
        while not (asked := workspace.store.find(Shadow)) and time.monotonic() < deadline:
            time.sleep(0.02)
        workspace.store.put(served)
    assert [one.prediction_id for one in asked] == [answered.id]


def test_a_text_is_not_written_on_for_a_client_that_left(folder: Path) -> None:
    async def main() -> tuple[list[Any], int]:
        with Workspace.open(folder) as workspace:
            app, headers = create_app(workspace), {"authorization": f"Bearer {token_in(workspace.root)}"}
            transport = httpx.ASGITransport(app)

            async def left(scope: Any, receive: Any, send: Any) -> None:
                await app({**scope, "extensions": {LEFT: lambda leave: leave()}}, receive, send)

            transport.app = left
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http,
            ):
                before = len(workspace.store.find(Prediction))
                answered = await http.post("/v1/completions", json={"model": "chats", "prompt": ["a", "b", "c"]})
                return answered.status_code, len(workspace.store.find(Prediction)) - before

    assert asyncio.run(main()) == (LEFT_STATUS, 0)


def test_what_takes_long_is_refused_past_what_is_under_way(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        app = create_app(workspace)
        with TestClient(app, headers={"authorization": f"Bearer {token_in(folder)}", "host": "localhost"}) as http:
            with ExitStack() as held:
                for _ in range(MOST_LONG):
                    held.enter_context(app.state.long_work)
                for path, body in (
                    ("/v1/embeddings", {"model": "topics", "input": "a"}),
                    ("/v1/deployments/topics/explain", {"row": {"text": "a"}}),
                ):
                    refused = http.post(path, json=body)
                    assert refused.status_code == 503
                    assert int(refused.headers["retry-after"]) > 0
                assert http.get("/v1/health/live").status_code == 204
            assert http.post("/v1/embeddings", json={"model": "topics", "input": "a"}).status_code == 200


def test_prompts_are_completed_one_choice_each(client: openai.OpenAI) -> None:
    prompts = [SAID[0]["content"], "my card was refused 3"]
    both = client.completions.create(model="chats", prompt=prompts)
    alone = [client.completions.create(model="chats", prompt=prompt) for prompt in prompts]
    assert [choice.text for choice in both.choices] == [one.choices[0].text for one in alone]
    assert [choice.index for choice in both.choices] == [0, 1]
    assert both.usage.total_tokens == sum(one.usage.total_tokens for one in alone)
    pieces = client.completions.create(model="chats", prompt=prompts[0], stream=True)
    assert "".join(chunk.choices[0].text for chunk in pieces) == alone[0].choices[0].text


def test_embeddings_are_the_encoders_vectors(client: openai.OpenAI, folder: Path) -> None:
    texts = ["where is my parcel", "包裹什么时候到"]
    given = client.embeddings.create(model="topics", input=texts)  # the client asks for base64 and unpacks it
    plain = client.embeddings.create(model="topics", input=texts[0], encoding_format="float")
    with Workspace.open(folder) as workspace:
        known = embed("topics", texts, workspace=workspace)
    vectors = np.array([one.embedding for one in given.data])
    assert np.allclose(vectors, known.vectors, atol=1e-6)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.allclose(plain.data[0].embedding, known.vectors[0], atol=1e-6)
    assert given.usage.prompt_tokens == known.tokens > plain.usage.prompt_tokens > 2


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"temperature": 0.7}, "temperature"),
        ({"n": 2}, "n"),
        ({"stop": ["."]}, "stop"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"extra_body": {"min_p": 0.1}}, "min_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages.0"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages.0"),
    ],
)
def test_what_is_not_offered_is_refused_by_name(client: openai.OpenAI, asked: dict, parameter: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{"model": "chats", "messages": SAID, **asked})
    assert caught.value.param == parameter
    assert caught.value.type == "invalid_request_error"
    assert parameter.split(".")[0] in str(caught.value) or "Message 1" in str(caught.value)


def test_parameters_that_ask_for_what_happens_anyway_are_heard(client: openai.OpenAI, folder: Path) -> None:
    usual = {"temperature": 0, "top_p": 1, "n": 1, "seed": 7, "stop": None, "user": "anna", "presence_penalty": 0}
    made = client.chat.completions.create(model="chats", messages=SAID, **usual)
    assert made.choices[0].message.content == known_answer(folder)


def test_a_deployment_of_another_kind_says_so(client: openai.OpenAI, server: ServerProcess) -> None:
    with pytest.raises(openai.BadRequestError, match="writes no texts"):
        client.chat.completions.create(model="topics", messages=SAID)
    with pytest.raises(openai.BadRequestError, match="no encoder"):
        client.embeddings.create(model="chats", input="a")
    with pytest.raises(openai.BadRequestError, match="dimensions"):
        client.embeddings.create(model="topics", input="a", dimensions=3)
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="nobody", input="a")
    stranger = client.with_options(api_key="tw_no")
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()
