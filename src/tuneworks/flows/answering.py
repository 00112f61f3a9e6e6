"""Answers for many callers at once: batched a deployment, logged, and only then given away."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from tuneworks.core.asking import Row
from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import NotFound, Overloaded
from tuneworks.core.meters import QUEUE, read_by
from tuneworks.core.stages import Stage
from tuneworks.core.tracing import begun, collected_for
from tuneworks.core.types import Deployment, ModelVersion, Prediction, Served
from tuneworks.core.wanted import while_wanted
from tuneworks.core.workspace import Workspace
from tuneworks.flows.figures import note_answers, note_failure
from tuneworks.flows.guard import able, answered, chosen
from tuneworks.flows.predict import checked_keys
from tuneworks.flows.prediction_log import prediction_log_of
from tuneworks.flows.references import deployment_of
from tuneworks.flows.shadows import shadow
from tuneworks.serving.batching import Batches, Piece, Request, weight_of
from tuneworks.serving.engine import engine_of
from tuneworks.serving.inputs import check_rows, kept
from tuneworks.serving.pictures import image_columns, taken

NAME = "answering"
FOLLOWED_WITHIN_SECONDS = 0.05  # what another process releases is answered by after this; what this one does, at once
_making = threading.Lock()


@dataclass(frozen=True)
class Answered:
    """The logged predictions of one request, one a row in order, and the version that gave them all."""

    version: ModelVersion
    predictions: list[Prediction]


@dataclass(frozen=True)
class Choice:
    """Who answers a request, as the deployment was when its first rows were taken."""

    deployment: Deployment
    served: Served


@dataclass(frozen=True)
class Made:
    """One row as it was read, who answered it, and what is logged of it."""

    row: Row
    version: ModelVersion
    prediction: Prediction


def ask(
    deployment: str, rows: Sequence[Any], *, keys: Sequence[str] | None = None, workspace: Workspace
) -> Future[Answered]:
    """What will be answered; who cancels it before no longer asks. Raises ``Overloaded`` where too much waits."""
    request = Request(deployment, rows, checked_keys(keys, len(rows)), [weight_of(row) for row in rows])
    request.trace = begun()
    request.done.add_done_callback(lambda done: _note_failure(deployment, done))
    try:
        _answering_of(workspace).batches.submit(request)
    except Overloaded as error:
        note_failure(deployment, error)
        raise
    return request.done


def refusal(workspace: Workspace) -> Overloaded | None:
    """What ``ask`` would refuse a request with just now, at a glance; ``None`` where it might not."""
    answering: Answering | None = workspace.loaded.get(NAME)
    return None if answering is None else answering.batches.refusal()


class Answering:
    """The workspace's batches, and how those are answered."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.batches = Batches(self._answers, self._finish, workers=len(os.sched_getaffinity(0)))
        read_by(QUEUE, self.batches.waiting)

    def close(self) -> None:
        """Answer what waits, then stop."""
        self.batches.close()

    def _answers(self, pieces: Sequence[Piece]) -> list[Any]:
        """What is made of each piece, or its error; pieces that the same version answers are run together."""
        deployment = deployment_of(self._workspace, pieces[0].request.deployment, age=FOLLOWED_WITHIN_SECONDS)
        groups: dict[tuple[str, str], list[int]] = {}
        outcomes: list[Any] = [None] * len(pieces)
        for place, piece in enumerate(pieces):
            try:
                served = self._choice(deployment, piece).served
            except Exception as error:
                outcomes[place] = error
            else:
                groups.setdefault((served.version_id, served.runtime), []).append(place)
        for places in groups.values():
            together = self._together(deployment, [pieces[place] for place in places])
            for place, outcome in zip(places, together, strict=True):
                outcomes[place] = outcome
        return outcomes

    def _choice(self, deployment: Deployment, piece: Piece) -> Choice:
        """Who answers all rows of a request; where it takes several batches, all rows are looked at here."""
        request = piece.request
        with request.choosing:
            if request.choice is None:
                served = chosen(self._workspace, deployment, request.keys[0] or request.id)
                if piece.stop - piece.start < len(request.rows):
                    served = able(self._workspace, deployment, served)
                    loaded = engine_of(self._workspace).model(served)
                    spec = loaded.model.spec
                    request.rows = taken(self._workspace.blobs, request.rows, image_columns(spec))
                    check_rows(loaded.task, spec, request.rows)
                request.choice = Choice(deployment, served)
            choice: Choice = request.choice
            return choice

    def _together(self, deployment: Deployment, pieces: Sequence[Piece]) -> list[Any]:
        """Pieces run as one; where one of them is wrong, each by itself, so that only that caller hears of it."""
        try:
            made = iter(self._made(deployment, pieces))
        except Exception as error:
            if len(pieces) == 1:
                return [error]
            return [self._together(deployment, [piece])[0] for piece in pieces]
        return [[next(made) for _ in range(piece.start, piece.stop)] for piece in pieces]

    def _made(self, deployment: Deployment, pieces: Sequence[Piece]) -> list[Made]:
        began = time.perf_counter()
        rows = [row for piece in pieces for row in piece.rows]
        keys = [key for piece in pieces for key in piece.request.keys[piece.start : piece.stop]]
        ids = [new_id("pred") if at else piece.request.id for piece in pieces for at in range(piece.start, piece.stop)]
        traces = [piece.request.trace for piece in pieces if piece.request.trace]
        with while_wanted(lambda: not all(piece.request.done.done() for piece in pieces)), collected_for(traces):
            given = answered(self._workspace, deployment, pieces[0].request.choice.served, rows)
        share = round((time.perf_counter() - began) * 1000 / len(rows), 3)
        name, version, made = deployment.id, given.loaded.version, now()

        def prediction(id: str, row: Row, answer: Any, key: str | None) -> Prediction:
            return Prediction(id, name, version.id, made, kept(version.spec, row), answer, share, key)

        return [
            Made(row, version, prediction(id, row, answer, key))
            for id, row, answer, key in zip(ids, given.rows, given.answers, keys, strict=True)
        ]

    def _finish(self, request: Request) -> None:
        """Log a request's predictions; the caller has them once they are on disk."""
        deployment, made = request.choice.deployment, request.answers
        if len({one.version.id for one in made}) > 1:  # its version was taken back midway
            made = self._made(deployment, [Piece(request, 0, len(request.rows))])
        version, predictions = made[0].version, [one.prediction for one in made]
        trace, began = request.trace, time.time_ns()

        def logged(written: Future[None]) -> None:
            if error := written.exception():
                request.fail(error)
                return
            seconds = time.perf_counter() - request.asked
            note_answers(deployment.id, version, [one.answer for one in predictions], seconds)
            request.finish(Answered(version, predictions))
            shadow(self._workspace, deployment, [one.row for one in made], predictions)
            if trace is not None:
                trace.stages.append(Stage("log", began, time.time_ns()))
                trace.end(deployment=deployment.id, version=version.label, rows=len(predictions))

        prediction_log_of(self._workspace).begin(predictions).add_done_callback(logged)


def close_answering(workspace: Workspace) -> None:
    """Answer what waits, then refuse."""
    with _making:
        answering = workspace.loaded.pop(NAME, None)
    if answering is not None:
        answering.close()


def _answering_of(workspace: Workspace) -> Answering:
    """The workspace's one answering, made on first use."""
    with _making:
        if NAME not in workspace.loaded:
            workspace.loaded[NAME] = Answering(workspace)
        answering: Answering = workspace.loaded[NAME]
        return answering


def _note_failure(deployment: str, done: Future[Answered]) -> None:
    """Count what went wrong; names that no deployment has are not kept."""
    error = None if done.cancelled() else done.exception()
    if error is not None and not isinstance(error, NotFound):
        note_failure(deployment, error)
