"""Tokens and what people sent turn up in no output of a server, whatever goes wrong."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.server.process import ServerProcess
from tuneworks.core.access import ADMINISTRATOR, VIEWER
from tuneworks.flows.keys import new_key
from tuneworks.testing.workspaces import NAME, deployed_workspace

PRIVATE = "My card 4929-1234-5678-9010 was charged, call 138-0013-8000"


def test_neither_secrets_nor_personal_data_reach_output_figures_or_problems(tmp_path: Path) -> None:
    folder = tmp_path / ".tuneworks"
    with deployed_workspace(folder, rows=120) as workspace:
        wrong = new_key("other", role=VIEWER, workspace=workspace).token[:-1]
        token = new_key("owner", role=ADMINISTRATOR, workspace=workspace).token
    server = ServerProcess(folder)
    predict = f"/v1/deployments/{NAME}/predict"
    bodies: list[object] = [
        {"row": {"text": PRIVATE}},
        {"rows": [{"text": PRIVATE}], "keys": [PRIVATE[:40], "b"]},
        {"row": {"txt": PRIVATE}},
        {"row": {"text": [PRIVATE]}},
        {"rows": PRIVATE},
        PRIVATE,
    ]
    said: list[str] = []
    with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {token}"}, trust_env=False) as http:
        made = http.post(predict, json=bodies[0]).json()["predictions"][0]["id"]
        said += [http.post(predict, json=body).text for body in bodies[1:]]
        said.append(http.post(predict, content=PRIVATE.encode(), headers={"content-type": "text/plain"}).text)
        said.append(http.get(f"/v1/deployments/{NAME}", headers={"authorization": f"Bearer {wrong}"}).text)
        said.append(http.get(f"/v1/keys?token={token}").text)
        http.post(f"/v1/predictions/{made}/feedback", json={"value": PRIVATE[:60]})
        said.append(http.get("/metrics").text)
        said.append(http.get("/v1/audit").text)
        said.append(http.get("/v1/usage").text)
    _, output, errors = server.stop()
    told = "\n".join([*said[-3:], output, errors])
    for secret in (token, wrong, "4929", "138-0013", PRIVATE):
        assert secret not in told, secret
    for secret in (token, wrong):
        assert secret not in "\n".join(said)
