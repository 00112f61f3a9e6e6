"""Every error is a problem+json with a stable code, in the language of the caller, and the client raises it again."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.server.process import ServerProcess, free_port
from tuneworks.client import Client
from tuneworks.core.errors import InvalidInput, NotFound, TuneworksError, Unavailable
from tuneworks.testing.workspaces import NAME

PREDICT = f"/v1/deployments/{NAME}/predict"


@pytest.fixture
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=server.headers) as connected:
        yield connected


def check(answered: httpx.Response, status: int, code: str) -> dict[str, str]:
    """The problem, checked for the fields RFC 9457 and the house promise."""
    assert answered.status_code == status, answered.text
    assert answered.headers["content-type"] == "application/problem+json"
    said = answered.json()
    assert (said["status"], said["code"]) == (status, code)
    assert said["type"].endswith(code)
    assert all(said[field] for field in ("title", "detail", "hint"))
    return dict(said)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"rows": [{"text": "a"}, {"txt": "b"}]}, ["Row 2", "'text'", "'txt'"]),
        ({"rows": [{"text": None}]}, ["Row 1", "'text'"]),
        ({"rows": [{"text": "a"}, {"text": 7}]}, ["Row 2", "'text'", "7"]),
        ({"row": {"text": ["a"]}}, ["Row 1", "'text'", "array"]),
        ({"rows": []}, ["0 rows"]),
        ({}, ["rows", "row"]),
        ({"rows": [{"text": "a"}], "row": {"text": "a"}}, ["rows", "row"]),
        ({"rows": [{"text": "a"}], "keys": ["k", "l"]}, ["2 keys", "1 rows"]),
        ({"rows": "text"}, ["rows"]),
        ({"rows": ["text"]}, ["rows.0"]),
        ([], ["body"]),
        ({"rows": [{"text": "a"}] * 5000}, ["5000", "4096"]),
    ],
)
def test_rows_that_cannot_be_answered_are_named(http: httpx.Client, body: object, named: list[str]) -> None:
    said = check(http.post(PREDICT, json=body, headers={"accept-language": "en"}), 422, "InvalidInput")
    assert all(word in said["detail"] for word in named), said["detail"]


def test_half_a_character_is_refused_before_it_reaches_the_log(http: httpx.Client) -> None:
    headers = {"content-type": "application/json", "accept-language": "en"}
    said = check(http.post(PREDICT, content=rb'{"row": {"text": "a\ud83d"}}', headers=headers), 422, "InvalidInput")
    assert "Unicode" in said["detail"]
    said = check(
        http.post(PREDICT, content=rb'{"rows": [{"text": "a"}], "keys": ["\ud83d"]}', headers=headers),
        422,
        "InvalidInput",
    )
    assert "Unicode" in said["detail"] or "keys" in said["detail"]


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b'{"rows": [}', b"[" * 100_000])
def test_a_body_that_is_no_json_is_a_400_or_says_what_is_missing(http: httpx.Client, content: bytes) -> None:
    answered = http.post(PREDICT, content=content, headers={"content-type": "application/json"})
    check(answered, 422 if content == b"" else 400, "InvalidInput")


def test_a_body_past_the_limit_is_refused_whether_or_not_it_is_announced(http: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    large = b'{"row": {"text": "' + b"a" * (33 * 2**20) + b'"}}'
    check(http.post(PREDICT, content=large, headers=headers), 413, "InvalidInput")
    pieces = (large[start : start + 2**20] for start in range(0, len(large), 2**20))
    check(http.post(PREDICT, content=pieces, headers=headers), 413, "InvalidInput")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/deployments/tickers",
        "/v1/predictions/pred-0",
        "/v1/versions/tickets@9",
        "/v1/runs/run-0",
        "/v1/datasets/unknown",
        "/v1/signals?deployment=unknown",
        "/v1/nothing",
    ],
)
def test_what_is_not_there_is_a_404(http: httpx.Client, path: str) -> None:
    check(http.get(path), 404, "NotFound")


def test_an_unknown_deployment_names_the_nearest(http: httpx.Client) -> None:
    answered = http.post(
        "/v1/deployments/tickers/predict", json={"row": {"text": "a"}}, headers={"accept-language": "en"}
    )
    assert NAME in check(answered, 404, "NotFound")["hint"]


def test_a_version_reference_is_no_deployment(http: httpx.Client) -> None:
    check(http.post(f"/v1/deployments/{NAME}@1/predict", json={"row": {"text": "a"}}), 404, "NotFound")


def test_a_wrong_method_names_the_right_one(http: httpx.Client) -> None:
    assert "POST" in check(http.get(PREDICT), 405, "InvalidInput")["hint"]


@pytest.mark.parametrize(
    ("headers", "query", "chinese"),
    [
        ({"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, "", True),
        ({"accept-language": "en-US,en;q=0.9,zh;q=0.1"}, "", False),
        ({"accept-language": "fr, zh;q=0.5, en;q=0.4"}, "", True),
        ({"accept-language": "en"}, "?lang=zh", True),
        ({"accept-language": "zh"}, "?lang=en", False),
        ({"accept-language": "*;q=x"}, "", False),
    ],
)
def test_a_problem_speaks_the_callers_language(
    http: httpx.Client, headers: dict[str, str], query: str, chinese: bool
) -> None:
    said = check(http.post(f"{PREDICT}{query}", json={"rows": [{}]}, headers=headers), 422, "InvalidInput")
    for field in ("title", "detail", "hint"):
        assert any("\u4e00" <= character <= "\u9fff" for character in said[field]) == chinese


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"value": 7},
        {"value": " "},
        {"value": "x" * 500},
        {"value": [{"start": 0, "end": 2, "label": "X"}]},
        {"correct": "perhaps"},
        {"value": "delivery", "weight": 0},
        {"value": "delivery", "source": ""},
    ],
)
def test_feedback_that_says_nothing_usable_is_refused(http: httpx.Client, client: Client, body: object) -> None:
    given = client.predict(NAME, [{"text": "i paid twice"}])[0]
    check(http.post(f"/v1/predictions/{given.id}/feedback", json=body), 422, "InvalidInput")
    assert client.prediction(given.id)["feedback"] == []


def test_feedback_on_an_unknown_prediction_is_a_404(http: httpx.Client) -> None:
    check(http.post("/v1/predictions/pred-0/feedback", json={"value": "delivery"}), 404, "NotFound")


def test_the_client_raises_what_the_server_raised(client: Client) -> None:
    with pytest.raises(InvalidInput, match="Row 1"):
        client.predict(NAME, [{"text": 3}])
    with pytest.raises(NotFound) as caught:
        client.predict("a/b c", [{"text": "a"}])
    assert isinstance(caught.value, TuneworksError)
    assert str(caught.value.fix)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable), Client(f"http://127.0.0.1:{free_port()}") as nobody:
        nobody.health()


def test_what_does_not_fit_is_said_without_a_foreign_word(http: httpx.Client) -> None:
    said = check(http.post(f"{PREDICT}?lang=zh", json={"rows": "x", "keys": [3]}), 422, "InvalidInput")
    assert said["detail"] == "请求不符合要求：rows 应为数组；keys.0 应为文本。"
    said = check(http.get("/v1/signals?lang=en&limit=many"), 422, "InvalidInput")
    assert said["detail"] == "The request does not fit: query.limit must be a whole number."
