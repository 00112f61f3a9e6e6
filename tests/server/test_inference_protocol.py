"""The Open Inference Protocol: its own clients ask deployments unchanged, by JSON and by bytes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tests.server.process import ServerProcess
from tuneworks.client import Client
from tuneworks.core import answers
from tuneworks.core.workspace import Workspace
from tuneworks.flows.predict import predict
from tuneworks.server.tensors import answer_tensors, outputs_of, packed, read_tensor, rows_of
from tuneworks.testing.workspaces import NAME, sample_rows

TEXTS = [row["text"] for row in sample_rows(20, seed=7)]
KSERVE = """
import asyncio, json, sys
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
url, token, name, texts = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
headers = {"authorization": f"Bearer {token}"}
async def ask():
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
    said = [await client.is_server_live(url), await client.is_server_ready(url)]
    said.append(await client.is_model_ready(url, name, headers=dict(headers)))
    for binary in (False, True):
        tensor = InferInput("text", [len(texts)], "BYTES")
        tensor.set_data_from_numpy(np.array(texts, dtype=object), binary_data=binary)
        request = InferRequest(model_name=name, infer_inputs=[tensor])
        answer = await client.infer(url, request, model_name=name, headers=dict(headers))
        named = {output.name: output for output in answer.outputs}
        said.append([list(named["label"].data), named["score"].as_numpy().tolist()])
    print(json.dumps(said))
asyncio.run(ask())
"""


@pytest.fixture
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=server.headers, trust_env=False) as connected:
        yield connected


def asked(texts: list[str], datatype: str = "BYTES", **more: object) -> dict[str, object]:
    """A request of the protocol for the column ``text``."""
    tensor = {"name": "text", "shape": [len(texts)], "datatype": datatype, "data": texts, **more}
    return {"id": "r-1", "inputs": [tensor]}


def known_answers(folder: Path) -> tuple[list[str], list[float]]:
    with Workspace.open(folder) as workspace:
        made = predict(NAME, [{"text": text} for text in TEXTS], log=False, workspace=workspace)
    return [one.answer.label for one in made], [one.answer.score for one in made]


def test_tritons_client_asks_a_deployment_unchanged(server: ServerProcess, served_folder: Path) -> None:
    labels, scores = known_answers(served_folder)
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(NAME, headers=dict(server.headers))
    described = client.get_model_metadata(NAME, headers=dict(server.headers))
    assert (described["versions"], described["inputs"][0]["name"]) == (["1"], "text")
    texts = np.array([text.encode() for text in TEXTS], dtype=object)
    for binary in (False, True):
        tensor = triton.InferInput("text", [len(texts)], np_to_triton_dtype(texts.dtype))
        tensor.set_data_from_numpy(texts, binary_data=binary)
        for version in ("", "1"):
            answer = client.infer(NAME, [tensor], version, headers=dict(server.headers))
            given = [one.decode() if isinstance(one, bytes) else one for one in answer.as_numpy("label")]
            assert given == labels
            assert answer.as_numpy("score").tolist() == pytest.approx(scores, abs=1e-7)
        wanted = [triton.InferRequestedOutput("scores", binary_data=not binary)]
        answer = client.infer(NAME, [tensor], outputs=wanted, headers=dict(server.headers))
        assert answer.as_numpy("scores").shape == (len(texts), 2)
        assert answer.as_numpy("label") is None
    with pytest.raises(InferenceServerException, match="serves version 1"):
        client.infer(NAME, [tensor], "7", headers=dict(server.headers))
    client.close()


def test_a_kserve_client_asks_a_deployment_unchanged(server: ServerProcess, served_folder: Path) -> None:
    python = os.environ.get("TUNEWORKS_KSERVE_PYTHON")
    if not python:
        pytest.skip("TUNEWORKS_KSERVE_PYTHON names no Python that has kserve")
    words = [server.url, server.token, NAME, json.dumps(TEXTS)]
    done = subprocess.run([python, "-c", KSERVE, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    live, ready, model_ready, by_json, by_bytes = json.loads(done.stdout)
    labels, scores = known_answers(served_folder)
    assert (live, ready, model_ready) == (True, True, True)
    for given in (by_json, by_bytes):
        assert given[0] == labels
        assert given[1] == pytest.approx(scores, abs=1e-7)


def test_an_answer_can_be_traced_and_judged(http: httpx.Client, server: ServerProcess) -> None:
    answered = http.post(f"/v2/models/{NAME}/infer", json=asked(TEXTS[:2]))
    assert answered.headers["x-model-version"] == f"{NAME}@1"
    said = answered.json()
    assert (said["id"], said["model_name"], said["model_version"]) == ("r-1", NAME, "1")
    ids = next(output["data"] for output in said["outputs"] if output["name"] == "prediction_id")
    with Client(server.url, token=server.token) as client:
        assert client.prediction(ids[1])["prediction"]["inputs"] == {"text": TEXTS[1]}
        assert client.feedback(ids[0], "payment").prediction_id == ids[0]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (asked(["a"], datatype="TEXT"), "TEXT"),
        (asked(["a", "b"], shape=[3]), "shape"),
        (asked(["a"], shape=[]), "shape"),
        (asked(["a"], name="subject"), "subject"),
        (asked([7], datatype="INT64"), "Row 1"),
        (asked(["a"], datatype="FP32"), "FP32"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [7]}, "name"),
        (asked([]), "0 rows"),
        ({**asked(["a"]), "outputs": [{"name": "colour"}]}, "colour"),
        (asked(["a"], parameters={"binary_data_size": 5}), "5 bytes"),
    ],
)
def test_what_cannot_be_read_is_the_protocols_own_error(http: httpx.Client, body: object, named: str) -> None:
    answered = http.post(f"/v2/models/{NAME}/infer", json=body, headers={"accept-language": "en"})
    assert answered.status_code == 400, answered.text
    assert named in answered.json()["error"]
    assert answered.json()["code"] == "InvalidInput"


def test_what_is_not_served_is_not_found(http: httpx.Client) -> None:
    for path in ("/v2/models/tickers", f"/v2/models/{NAME}/versions/7", f"/v2/models/{NAME}/versions/7/ready"):
        answered = http.get(path)
        assert (answered.status_code, answered.json()["code"]) == (404, "NotFound")
        assert answered.json()["error"]


def test_numbers_and_lists_of_numbers_go_in_by_column(tmp_path: Path) -> None:
    load = {"name": "load", "shape": [2, 3], "datatype": "FP32", "data": [[1, 2, 3], [4, 5, 6.5]]}
    area = {"name": "area", "shape": [2, 1], "datatype": "INT64", "data": [7, 8]}
    plan = {"name": "plan", "shape": [2], "datatype": "BYTES", "data": ["trial", "年付"]}
    tensors = [read_tensor(one, memoryview(b""))[0] for one in (load, area, plan)]
    assert rows_of(tensors, {"load": "series", "area": "number", "plan": "category"}) == [
        {"load": [1, 2, 3], "area": 7, "plan": "trial"},
        {"load": [4, 5, 6.5], "area": 8, "plan": "年付"},
    ]
    raw = np.array([1.5, -2.0], "<f4").tobytes()
    half = {"name": "x", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    tensor, rest = read_tensor(half, memoryview(raw + b"rest"))
    assert (tensor.values, bytes(rest)) == ([1.5, -2.0], b"rest")


def test_every_kind_of_answer_comes_as_tensors() -> None:
    span = answers.Span(0, 4, "PERSON", "Anna", 0.9)
    made = {
        answers.ClassAnswer: answers.ClassAnswer("a", 0.9, {"a": 0.9, "b": 0.1}),
        answers.LabelsAnswer: answers.LabelsAnswer(("a",), {"a": 0.9, "b": 0.1}),
        answers.SpansAnswer: answers.SpansAnswer((span,)),
        answers.PassageAnswer: answers.PassageAnswer(None, None, None, 0.2),
        answers.NumberAnswer: answers.NumberAnswer(1.5),
        answers.ForecastAnswer: answers.ForecastAnswer((0.1, 0.9), ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0))),
        answers.SimilarityAnswer: answers.SimilarityAnswer(0.7, True),
        answers.AnomalyAnswer: answers.AnomalyAnswer(1.2, 1.0, True),
        answers.LikelihoodAnswer: answers.LikelihoodAnswer(12.5, 7),
        answers.TextAnswer: answers.TextAnswer("好的", 0.8),
    }
    assert set(made) == set(get_args(answers.Answer))
    for kind, answer in made.items():
        tensors = {tensor.name: tensor for tensor in answer_tensors([answer, answer])}
        for output in outputs_of(answer.kind, 2):
            if output["name"] in tensors:
                tensor = tensors[output["name"]]
                assert tensor.datatype == output["datatype"], kind
                assert len(tensor.shape) == len(output["shape"])
                assert len(tensor.values) == np.prod(tensor.shape)
                assert packed(tensor)
    assert answer_tensors([made[answers.ForecastAnswer]])[1].shape == (1, 3, 2)
