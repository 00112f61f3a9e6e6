"""A guarded application over a deployed workspace, with a key of every role, asked in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tuneworks.core.access import ROLES
from tuneworks.core.workspace import Workspace
from tuneworks.flows.keys import Limits, NewKey, new_key
from tuneworks.server.app import create_app
from tuneworks.testing.workspaces import NAME, deployed_workspace


@dataclass
class Guarded:
    """The application and its keys; ``ask`` sends one request to it."""

    app: FastAPI
    workspace: Workspace
    keys: Mapping[str, NewKey]

    def token(self, role: str) -> str:
        return self.keys[role].token

    def ask(self, method: str, path: str, token: str | None = None, **how: Any) -> httpx.Response:
        """The answer to a request as a caller with that token gets it."""
        headers = dict(how.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, headers=headers, **how)

        return asyncio.run(asked())


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with deployed_workspace(tmp_path_factory.mktemp("guarded") / ".tuneworks") as workspace:
        keys = {role: new_key(f"a {role}", role=role, workspace=workspace) for role in ROLES}
        keys["elsewhere"] = new_key(
            "another shop", role="operator", limits=Limits(deployments=("elsewhere",)), workspace=workspace
        )
        keys["tickets"] = new_key("the shop", role="labeller", limits=Limits(deployments=(NAME,)), workspace=workspace)
        yield Guarded(create_app(workspace), workspace, keys)
