"""A cluster on the network is not joined without a token, nor where it cannot reach what a workspace keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.tune import tune
from tuneworks.testing.workspaces import NAME, sample_rows

ELSEWHERE = "192.0.2.1:6379"  # an address that belongs to nobody


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    registry.load("runners", "ray")
    monkeypatch.setenv("HOME", str(tmp_path))
    with Workspace.open(tmp_path / ".tuneworks") as workspace:
        add(sample_rows(40), name=NAME, workspace=workspace)

        def tuned(address: str, **variables: str) -> InvalidConfig:
            for name, value in {"RAY_ADDRESS": address, **variables}.items():
                monkeypatch.setenv(name, value)
            with pytest.raises(InvalidConfig) as caught:
                tune(NAME, target="topic", base="ngrams", method="head", runner="ray", workspace=workspace)
            (run,) = workspace.store.find(Run)
            assert run.status == "failed"
            return caught.value

        yield tuned


@pytest.mark.parametrize("address", [ELSEWHERE, "ray://192.0.2.1:10001", "[2001:db8::1]:6379", "head.example:6379"])
def test_without_a_token_it_is_refused(asked: Callable[..., InvalidConfig], address: str) -> None:
    assert "no token" in str(asked(address))


def test_with_a_token_a_workspace_of_this_machine_is_refused(asked: Callable[..., InvalidConfig]) -> None:
    refused = asked(ELSEWHERE, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="a" * 64)
    assert "SQLite" in str(refused)
