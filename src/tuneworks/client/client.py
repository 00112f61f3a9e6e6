"""The HTTP API as functions: answers as records, problems as the errors they were on the server."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from tuneworks.client.tokens import authorisation
from tuneworks.core import errors
from tuneworks.core.answers import Answer
from tuneworks.core.asking import Row
from tuneworks.core.explaining import Explanation
from tuneworks.core.records import from_plain
from tuneworks.core.text import Text, current_language, plain
from tuneworks.core.types import Feedback

TIMEOUT_SECONDS = 60.0
_CLASSES = {
    name: member
    for name, member in vars(errors).items()
    if isinstance(member, type) and issubclass(member, errors.TuneworksError)
}


@dataclass(frozen=True)
class Predicted:
    """One answer: ``id`` is what feedback refers to; ``version`` is the model that answered."""

    id: str
    answer: Answer
    version: str
    milliseconds: float
    key: str | None = None


class Client:
    """A connection to a server; use it in a ``with`` block or close it.

    ``token``: else ``TUNEWORKS_TOKEN``; else, for a server on this machine, the one it left in the workspace's folder.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8765",
        *,
        token: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.url = url.rstrip("/")
        headers = authorisation(self.url, token)
        self._http = httpx.Client(base_url=self.url, timeout=timeout_seconds, trust_env=False, headers=headers)

    def predict(
        self,
        name: str,
        rows: Sequence[Row],
        *,
        keys: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> list[Predicted]:
        """One answer a row, in order, by the deployment's champion; images are files (``Path``) or their bytes.

        ``idempotency_key``: your name for this request; sent again under it, it is not answered again.
        """
        body: dict[str, Any] = {"rows": [{name: _sendable(value) for name, value in row.items()} for row in rows]}
        if keys is not None:
            body["keys"] = list(keys)
        answered = self._ask("POST", f"/v1/deployments/{quote(name, safe='')}/predict", body, idempotency_key)
        return [from_plain(Predicted, one) for one in answered["predictions"]]

    def stream(self, name: str, row: Row, *, key: str | None = None) -> Iterator[str | Predicted]:
        """Pieces of the text written for a row, as they come; the last item is the whole answer."""
        body: dict[str, Any] = {"row": dict(row), "stream": True}
        if key is not None:
            body["keys"] = [key]
        with self._streamed("POST", f"/v1/deployments/{quote(name, safe='')}/predict", body) as answered:
            yield from _pieces(answered.iter_lines())

    def feedback(
        self,
        id: str,
        value: Any = None,
        *,
        correct: bool | None = None,
        source: str = "user",
        weight: float = 1.0,
        idempotency_key: str | None = None,
    ) -> Feedback:
        """Say what the answer should have been (``value``), or whether it was right (``correct``)."""
        body = {"value": value, "correct": correct, "source": source, "weight": weight}
        path = f"/v1/predictions/{quote(id, safe='')}/feedback"
        return from_plain(Feedback, self._ask("POST", path, body, idempotency_key))

    def explain(
        self, name: str, rows: Sequence[Row] | None = None, *, prediction: str | None = None, explainer: str = "auto"
    ) -> list[Explanation]:
        """What the answers of rows, or a logged prediction's, rest on; training rows come by their number alone."""
        body: dict[str, Any] = {"prediction": prediction, "explainer": explainer}
        if rows is not None:
            body["rows"] = [{name: _sendable(value) for name, value in row.items()} for row in rows]
        told = self._ask("POST", f"/v1/deployments/{quote(name, safe='')}/explain", body)
        return [from_plain(Explanation, one) for one in told["explanations"]]

    def predict_file(self, name: str, file: Path, *, key: str | None = None, log: bool = True) -> Iterator[Predicted]:
        """One answer a row of a file, in order, worked out by the server as a job; its parts are the methods below."""
        job = self.start_job(name, file, key=key, log=log)
        for _ in self.follow(job["id"]):
            pass
        yield from self.job_answers(job["id"])

    def start_job(
        self,
        name: str,
        file: Path,
        *,
        layout: str = "auto",
        key: str | None = None,
        log: bool = True,
        idempotency_key: str | None = None,
    ) -> Mapping[str, Any]:
        """Send a file to be answered row by row; the job, whose ``id`` the other methods take.

        ``layout``: ``lines``, ``csv``, ``jsonl`` and so on, where the file's ending does not say it. ``key``: the
        column of your own keys. ``log``: whether the answers are kept like any other.
        """
        asked = {"file": file.name, "layout": layout, "key": key or "", "log": str(log).lower()}
        path = f"/v1/deployments/{quote(name, safe='')}/jobs?{urlencode(asked)}"
        with open(file, "rb") as content:
            return dict(self._ask("POST", path, content, idempotency_key))

    def follow(self, run: str) -> Iterator[Mapping[str, Any]]:
        """What a run, such as a job, tells from its first event on, as it comes, until it has ended."""
        with self._streamed("GET", f"/v1/runs/{quote(run, safe='')}/events") as answered:
            for _, said in _told(answered.iter_lines()):
                yield said

    def job(self, id: str) -> Mapping[str, Any]:
        """A job and where it stands."""
        return dict(self._ask("GET", f"/v1/jobs/{quote(id, safe='')}"))

    def job_answers(self, id: str) -> Iterator[Predicted]:
        """The answers of a finished job, one a row, in order."""
        with self._streamed("GET", f"/v1/jobs/{quote(id, safe='')}/answers") as answered:
            for line in answered.iter_lines():
                yield from_plain(Predicted, json.loads(line))

    def cancel_job(self, id: str) -> Mapping[str, Any]:
        """Stop a job for good."""
        return dict(self._ask("POST", f"/v1/jobs/{quote(id, safe='')}/cancel"))

    def resume_job(self, id: str) -> Mapping[str, Any]:
        """Go on with a job that was cut off, from the first row that was not answered."""
        return dict(self._ask("POST", f"/v1/jobs/{quote(id, safe='')}/resume"))

    def prediction(self, id: str) -> Mapping[str, Any]:
        """An answer and all it came from: version, run, dataset, feedback."""
        return dict(self._ask("GET", f"/v1/predictions/{quote(id, safe='')}"))

    def deployments(self) -> list[Mapping[str, Any]]:
        """What is served, and by which version."""
        return list(self._ask("GET", "/v1/deployments"))

    def health(self) -> Mapping[str, Any]:
        """The server's status, its version, and the champion of every deployment."""
        return dict(self._ask("GET", "/v1/health"))

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """What is answered to JSON, or to an open file, sent there; ``key`` names the request."""
        sent = {"content": body} if isinstance(body, io.IOBase) else {"json": body}
        headers = {"accept-language": current_language(), **({"idempotency-key": key} if key else {})}
        try:
            answered = self._http.request(method, path, headers=headers, **sent)
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error
        if answered.is_success:
            return answered.json()
        raise problem_of(answered)

    @contextmanager
    def _streamed(self, method: str, path: str, body: Any = None) -> Iterator[httpx.Response]:
        """An answer that is read as it comes."""
        headers = {"accept-language": current_language()}
        try:
            with self._http.stream(method, path, json=body, headers=headers) as answered:
                if not answered.is_success:
                    answered.read()
                    raise problem_of(answered)
                yield answered
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error


def _sendable(value: Any) -> Any:
    """A value as JSON can carry it: a file's bytes in base64."""
    if isinstance(value, Path):
        value = value.read_bytes()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def problem_of(answered: httpx.Response) -> errors.TuneworksError:
    """The error a problem+json answer stands for, by its code; an answer of another kind is ``Unavailable``."""
    try:
        return _error_of(answered.json())
    except (ValueError, KeyError, TypeError):
        return errors.Unavailable(
            Text(
                f"{answered.url} answered with status {answered.status_code} and no explanation.",
                f"{answered.url} 返回状态 {answered.status_code}，且没有说明。",
            ),
            Text("Is it a Tuneworks server?", "它是 Tuneworks 服务器吗？"),
        )


def _error_of(said: Mapping[str, Any]) -> errors.TuneworksError:
    kind = _CLASSES.get(said["code"], errors.TuneworksError)
    return kind(plain(said["detail"]), plain(said["hint"]))


def _told(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The name and what is said of each event of a stream."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def _pieces(lines: Iterable[str]) -> Iterator[str | Predicted]:
    """The pieces and the answer of a text that is written; a problem among them is raised."""
    for name, said in _told(lines):
        if name == "problem":
            raise _error_of(said)
        yield from_plain(Predicted, said) if name == "prediction" else str(said)


def _unreachable(url: str, error: httpx.HTTPError) -> errors.Unavailable:
    return errors.Unavailable(
        Text(
            f"The server at {url} does not answer: {error or type(error).__name__}.",
            f"位于 {url} 的服务器没有响应：{error or type(error).__name__}。",
        ),
        Text("Start it: tuneworks serve", "请启动服务：tuneworks serve"),
    )
