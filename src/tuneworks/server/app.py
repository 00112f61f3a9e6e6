"""The HTTP API over one workspace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from tuneworks import __version__
from tuneworks.core.workspace import Workspace
from tuneworks.flows.prediction_log import close_prediction_log
from tuneworks.server import problems
from tuneworks.server.languages import SpeakTheirLanguage
from tuneworks.server.limits import BoundBodies
from tuneworks.server.routes import deployments, health, predictions, records, runs

ABOUT = (
    "Ask deployed models, tell them what was true, and see where every answer came from.\n\n"
    "向已部署的模型提问，告知正确答案，并查看每个答案的来源。"
)


def create_app(workspace: Workspace) -> FastAPI:
    """The application; its documentation is ``/openapi.json`` alone, since pages of it would load from the internet."""
    app = FastAPI(
        title="Tuneworks", version=__version__, description=ABOUT, docs_url=None, redoc_url=None, lifespan=_lifespan
    )
    app.state.workspace = workspace
    app.state.stopping = False
    problems.install(app)
    app.add_middleware(BoundBodies)
    app.add_middleware(SpeakTheirLanguage)
    for routes in (health, deployments, predictions, records, runs):
        app.include_router(routes.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """On the way out, what is pending is written."""
    yield
    close_prediction_log(app.state.workspace)
