"""A server goes, another of the same workspace stays on the port: no caller notices, though none asks twice."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.server.process import ServerProcess
from tuneworks.testing.workspaces import NAME

ROW = {"row": {"text": "where is my parcel"}}


class Caller(threading.Thread):
    """Asks without a pause, by one connection or a new one each time, until told; keeps what went wrong."""

    def __init__(self, server: ServerProcess, *, reconnects: bool) -> None:
        super().__init__()
        self._server, self._reconnects = server, reconnects
        self._told = threading.Event()
        self.answered = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        headers = dict(self._server.headers)
        if self._reconnects:
            headers["connection"] = "close"
        url = f"{self._server.url}/v1/deployments/{NAME}/predict"
        with httpx.Client(headers=headers, timeout=30, trust_env=False) as http:
            while not self._told.is_set():
                try:
                    said = http.post(url, json=ROW)
                    if said.status_code != 200:
                        self.wrong.append(said.text)
                    self.answered += 1
                except httpx.HTTPError as error:
                    self.wrong.append(repr(error))

    def stop(self) -> None:
        self._told.set()
        self.join(timeout=40)


@contextmanager
def calling(server: ServerProcess) -> Iterator[list[Caller]]:
    """Six callers at work: four keep their connections, two make a new one for each request."""
    callers = [Caller(server, reconnects=number % 3 == 0) for number in range(6)]
    for caller in callers:
        caller.start()
    try:
        yield callers
    finally:
        for caller in callers:
            caller.stop()


@pytest.mark.parametrize("stops", [2, pytest.param(20, marks=pytest.mark.long)])
def test_no_request_is_lost_while_one_server_goes_and_another_stays(served_folder: Path, stops: int) -> None:
    running = ServerProcess(served_folder)
    port = int(running.url.rsplit(":", 1)[1])
    with calling(running) as callers:
        for _ in range(stops):
            following = ServerProcess(served_folder, port)
            code, said, errors = running.stop()
            assert (code, said.strip(), errors) == (0, "stopped", "")
            running = following
    with running:
        assert list(itertools.chain(*(caller.wrong for caller in callers))) == []
        assert min(caller.answered for caller in callers) > 10 * stops


def test_a_connection_kept_open_does_not_keep_the_server(served_folder: Path) -> None:
    running = ServerProcess(served_folder)
    with httpx.Client(headers=running.headers, trust_env=False) as http:
        assert http.get(f"{running.url}/v1/deployments").status_code == 200
        assert running.stop()[0] == 0
