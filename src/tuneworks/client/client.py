"""The HTTP API as functions: answers as records, problems as the errors they were on the server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tuneworks.core import errors
from tuneworks.core.answers import Answer
from tuneworks.core.asking import Row
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
    """A connection to a server; use it in a ``with`` block or close it."""

    def __init__(self, url: str = "http://127.0.0.1:8765", *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, timeout=timeout_seconds, trust_env=False)

    def predict(self, name: str, rows: Sequence[Row], *, keys: Sequence[str] | None = None) -> list[Predicted]:
        """One answer a row, in order, by the deployment's champion; images are files (``Path``) or their bytes."""
        body: dict[str, Any] = {"rows": [{name: _sendable(value) for name, value in row.items()} for row in rows]}
        if keys is not None:
            body["keys"] = list(keys)
        answered = self._ask("POST", f"/v1/deployments/{quote(name, safe='')}/predict", body)
        return [from_plain(Predicted, one) for one in answered["predictions"]]

    def stream(self, name: str, row: Row, *, key: str | None = None) -> Iterator[str | Predicted]:
        """Pieces of the text written for a row, as they come; the last item is the whole answer."""
        body: dict[str, Any] = {"row": dict(row), "stream": True}
        if key is not None:
            body["keys"] = [key]
        path, headers = f"/v1/deployments/{quote(name, safe='')}/predict", {"accept-language": current_language()}
        try:
            with self._http.stream("POST", path, json=body, headers=headers) as answered:
                if not answered.is_success:
                    answered.read()
                    raise problem_of(answered)
                yield from _events(answered.iter_lines())
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error

    def feedback(
        self, id: str, value: Any = None, *, correct: bool | None = None, source: str = "user", weight: float = 1.0
    ) -> Feedback:
        """Say what the answer should have been (``value``), or whether it was right (``correct``)."""
        body = {"value": value, "correct": correct, "source": source, "weight": weight}
        return from_plain(Feedback, self._ask("POST", f"/v1/predictions/{quote(id, safe='')}/feedback", body))

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

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        try:
            answered = self._http.request(method, path, json=body, headers={"accept-language": current_language()})
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error
        if answered.is_success:
            return answered.json()
        raise problem_of(answered)


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


def _events(lines: Iterable[str]) -> Iterator[str | Predicted]:
    """The pieces and the answer of a stream of events; a problem among them is raised."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            said = json.loads(value)
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
