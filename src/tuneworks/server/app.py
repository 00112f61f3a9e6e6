"""The HTTP API over one workspace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp

from tuneworks import __version__
from tuneworks.core.workspace import Workspace
from tuneworks.flows.answering import close_answering
from tuneworks.flows.prediction_log import close_prediction_log
from tuneworks.flows.usage import close_meter
from tuneworks.server import problems
from tuneworks.server.access import PUBLIC
from tuneworks.server.description import describe
from tuneworks.server.dialects import SpeakTheirDialect
from tuneworks.server.idempotency import KeepReplies
from tuneworks.server.journal import Journal
from tuneworks.server.languages import SpeakTheirLanguage
from tuneworks.server.limits import MOST_LONG, AtMost, BoundBodies
from tuneworks.server.marks import MarkAnswers
from tuneworks.server.predicting import Deadlines, Predict
from tuneworks.server.routes import (
    audit,
    deployments,
    explanations,
    health,
    inference_protocol,
    jobs,
    keys,
    metrics,
    openai,
    predictions,
    records,
    releases,
    runs,
    usage,
)
from tuneworks.server.security import Guard
from tuneworks.server.sharing import Sharing
from tuneworks.server.shedding import Shed
from tuneworks.server.streams import Texts
from tuneworks.server.tracing import tracing_asked_for
from tuneworks.server.watching import WatchRequests

ABOUT = (
    "Ask deployed models, tell them what was true, and see where every answer came from.\n\n"
    "向已部署的模型提问，告知正确答案，并查看每个答案的来源。"
)

ROUTES = (
    health,
    metrics,
    deployments,
    explanations,
    releases,
    predictions,
    records,
    runs,
    jobs,
    inference_protocol,
    openai,
    keys,
    usage,
    audit,
)


class Application(FastAPI):
    """FastAPI within our own middleware (``layers``, the outermost first): requests to predict need not reach it."""

    layers: Sequence[Callable[[ASGIApp], ASGIApp]] = ()

    def build_middleware_stack(self) -> ASGIApp:
        made: ASGIApp = super().build_middleware_stack()
        for layer in reversed(self.layers):
            made = layer(made)
        return made


def create_app(workspace: Workspace, *, hosts: Collection[str] = (), proxies: Collection[str] = ()) -> FastAPI:
    """The application; ``hosts`` and ``proxies``: see ``Guard``.

    Its documentation is ``/openapi.json`` alone, since pages of it would load from the internet.
    """
    app = Application(
        title="Tuneworks",
        version=__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # requests are watched and traced by our own
    )
    app.state.workspace = workspace
    app.state.stopping = False
    problems.install(app)
    app.state.texts, app.state.long_work = Texts(), AtMost(MOST_LONG)
    app.state.journal, app.state.sharing = Journal(), Sharing(workspace.root / "figures")
    app.layers = (
        MarkAnswers,
        partial(WatchRequests, journal=app.state.journal),
        SpeakTheirDialect,
        SpeakTheirLanguage,
        partial(Guard, served=app, hosts=hosts, proxies=proxies),
        partial(Shed, workspace=workspace),
        BoundBodies,
        Deadlines,
        partial(KeepReplies, workspace=workspace),
        partial(Predict, workspace=workspace),
    )
    for routes in ROUTES:
        app.include_router(routes.router)
    describe(app, PUBLIC)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """On the way out, what is pending is answered and written."""
    app.state.journal.begin()
    app.state.sharing.begin()
    tracing = tracing_asked_for()
    yield
    close_answering(app.state.workspace)
    close_prediction_log(app.state.workspace)
    close_meter(app.state.workspace)
    if tracing is not None:
        tracing.end()
    app.state.sharing.end()
    app.state.journal.end()
