"""All routes the application has are closed but a short list; each says the role it needs, and that role suffices."""

from __future__ import annotations

from itertools import product

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tests.security.conftest import Guarded
from tuneworks.core.access import ROLES, VIEWER
from tuneworks.core.workspace import Workspace
from tuneworks.server import security
from tuneworks.server.access import PUBLIC, Entry, entries, needs
from tuneworks.testing.workspaces import NAME

FILLED = {"name": NAME, "model": NAME, "id": "run-0", "reference": NAME, "version": "1"}


def closed(app: FastAPI) -> list[Entry]:
    return [entry for entry in entries(app.routes) if not entry.public]


def calls(app: FastAPI) -> list[tuple[str, str, Entry]]:
    """Every method and path of every closed route, its parameters filled in."""
    return [
        (method, entry.path.format(**FILLED), entry)
        for entry in closed(app)
        for method in sorted(entry.methods - {"HEAD"})
    ]


def test_every_route_says_which_role_it_needs(guarded: Guarded) -> None:
    silent = [entry.path for entry in closed(guarded.app) if entry.needs is None]
    assert silent == [], "declare @needs(ROLE) above the function"


def test_what_is_public_is_a_short_list(guarded: Guarded) -> None:
    public = {(method, entry.path) for entry in entries(guarded.app.routes) if entry.public for method in entry.methods}
    assert public - {("HEAD", "/openapi.json")} <= PUBLIC
    assert len(PUBLIC) <= 6
    assert all(path == "/openapi.json" or "/health" in path for _, path in PUBLIC)


def test_without_a_key_every_route_is_a_401(guarded: Guarded) -> None:
    found = calls(guarded.app)
    assert len(found) > 30
    for method, path, _ in found:
        answered = guarded.ask(method, path)
        assert (answered.status_code, answered.headers["www-authenticate"]) == (401, "Bearer"), (method, path)
        assert answered.json()["code"] == "Unauthenticated"


def test_a_role_below_the_one_needed_is_a_403(guarded: Guarded) -> None:
    tried = 0
    for (method, path, entry), role in product(calls(guarded.app), ROLES):
        if entry.needs is not None and ROLES.index(role) < ROLES.index(entry.needs.role):
            tried += 1
            assert guarded.ask(method, path, guarded.token(role)).status_code == 403, (method, path, role)
    assert tried > 20


def test_a_key_for_other_deployments_reaches_none_of_the_routes_about_this_one(guarded: Guarded) -> None:
    named = [(m, p) for m, p, entry in calls(guarded.app) if entry.needs and entry.needs.deployment in FILLED]
    whole = [(m, p) for m, p, entry in calls(guarded.app) if entry.needs and entry.needs.deployment is None]
    assert named
    for method, path in (*named, *whole):
        assert guarded.ask(method, path, guarded.token("elsewhere")).status_code == 403, (method, path)


def test_a_key_for_some_deployments_sees_those_alone(guarded: Guarded) -> None:
    path = f"/v1/deployments/{NAME}/predict"
    made = guarded.ask("POST", path, guarded.token("tickets"), json={"row": {"text": "a"}}).json()["predictions"][0]
    prediction = f"/v1/predictions/{made['id']}"
    assert guarded.ask("GET", prediction, guarded.token("tickets")).status_code == 200
    assert guarded.ask("GET", prediction, guarded.token("elsewhere")).status_code == 403
    judged = guarded.ask("POST", f"{prediction}/feedback", guarded.token("elsewhere"), json={"value": "delivery"})
    assert judged.status_code == 403
    for place in ("/v1/deployments", "/v1/models", "/v1/jobs"):
        body = guarded.ask("GET", place, guarded.token("elsewhere")).json()
        assert NAME not in str(body), place
    assert guarded.ask("GET", "/v1/signals", guarded.token("elsewhere")).status_code == 403
    assert guarded.ask("GET", f"/v1/signals?deployment={NAME}", guarded.token("elsewhere")).status_code == 403
    for place, body in (
        ("/v1/embeddings", {"input": "a"}),
        ("/v1/completions", {"prompt": "a"}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}]}),
    ):
        asked = guarded.ask("POST", place, guarded.token("elsewhere"), json={"model": NAME, **body})
        assert asked.status_code == 403, place


def test_a_route_that_says_nothing_is_open_to_nobody(guarded: Guarded) -> None:
    app = bare(guarded.workspace)
    app.router.routes.append(Route("/forgotten", lambda request: PlainTextResponse("inside")))
    app.router.routes.append(Mount("/below", Route("/", lambda request: PlainTextResponse("inside"))))
    asked = Guarded(app, guarded.workspace, guarded.keys)
    for path in ("/forgotten", "/below", "/below/x/y", "/below/"):
        answered = asked.ask("GET", path, guarded.token("administrator"))
        assert answered.status_code in (403, 404), path
        assert "inside" not in answered.text


def test_a_mounted_application_may_say_what_it_needs(guarded: Guarded) -> None:
    app = bare(guarded.workspace)
    inside = needs(VIEWER)(PlainTextResponse("inside"))
    app.router.routes.append(Mount("/console", inside))
    asked = Guarded(app, guarded.workspace, guarded.keys)
    assert asked.ask("GET", "/console/page").status_code == 401
    assert asked.ask("GET", "/console/page", guarded.token("viewer")).text == "inside"


def test_a_role_that_does_not_exist_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="root"):
        needs("root")


def bare(workspace: Workspace) -> FastAPI:
    """An application with the guard and nothing else."""
    app = FastAPI(docs_url=None, redoc_url=None)
    app.state.workspace = workspace
    app.add_middleware(security.Guard, served=app)
    return app
