"""Answer rows by a deployment's champion, and log every answer before it is given away."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from tuneworks.core.asking import Row
from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import InvalidInput, TuneworksError
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, ModelVersion, Prediction, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.figures import note_answers
from tuneworks.flows.guard import Fault, Given, able, answered, chosen, failing, judged, tried
from tuneworks.flows.references import deployment_of, version_of
from tuneworks.flows.shadows import shadow
from tuneworks.serving.engine import engine_of
from tuneworks.serving.inputs import kept
from tuneworks.serving.loaded import runtime_of
from tuneworks.statistics.shapes.values import whole_text


def predict(
    deployment: str,
    rows: Sequence[Row],
    *,
    keys: Sequence[str] | None = None,
    log: bool = True,
    workspace: Workspace | None = None,
) -> list[Prediction]:
    """One prediction a row, in order; a version reference such as ``name@3`` answers too, but is never logged."""
    workspace = workspace or Workspace.open()
    found, given, predictions = _answered(deployment, rows, keys, workspace)
    if log and predictions and found:
        workspace.store.append(predictions)
        shadow(workspace, found, given.rows, predictions)
    return predictions


def answer(
    deployment: str, rows: Sequence[Row], *, keys: Sequence[str] | None = None, workspace: Workspace
) -> tuple[ModelVersion, list[Prediction]]:
    """Who answered, and the predictions, not yet logged; ``milliseconds`` is a row's share of its call's time."""
    found, given, predictions = _answered(deployment, rows, keys, workspace)
    if found:
        shadow(workspace, found, given.rows, predictions)
    return given.loaded.version, predictions


def _answered(
    deployment: str, rows: Sequence[Row], keys: Sequence[str] | None, workspace: Workspace
) -> tuple[Deployment | None, Given, list[Prediction]]:
    """One call is answered by one version; of a canary's keys the first says by which, else its first answer's id."""
    found = _deployment(workspace, deployment)
    named = checked_keys(keys, len(rows))
    ids = [new_id("pred") for _ in rows]
    started = time.perf_counter()
    given = _given(workspace, deployment, found, rows, next((named[0] or ids[0] for _ in rows), ""))
    seconds = time.perf_counter() - started
    milliseconds = round(seconds * 1000 / max(1, len(rows)), 3)
    if found:
        note_answers(found.id, given.loaded.version, given.answers, seconds)
    name, version, made = found.id if found else "", given.loaded.version, now()
    return (
        found,
        given,
        [
            Prediction(id, name, version.id, made, kept(version.spec, row), answer, milliseconds, key)
            for id, row, answer, key in zip(ids, given.rows, given.answers, named, strict=True)
        ],
    )


def stream(
    deployment: str, row: Row, *, key: str | None = None, log: bool = True, workspace: Workspace | None = None
) -> Iterator[str | Prediction]:
    """Pieces of the text that is written for a row, as they come; the last item is the prediction, logged."""
    workspace = workspace or Workspace.open()
    _, pieces = answer_streamed(deployment, row, key=key, workspace=workspace)
    return _logged(workspace, pieces, log)


def answer_streamed(
    deployment: str, row: Row, *, key: str | None = None, workspace: Workspace
) -> tuple[ModelVersion, Generator[str, None, Prediction]]:
    """Who answers, and the pieces of the text; what they return is the prediction, not yet logged."""
    found, id = _deployment(workspace, deployment), new_id("pred")
    (named,) = checked_keys(None if key is None else [key], 1)
    engine = engine_of(workspace)
    if found is None:
        served = _alone(workspace, deployment)
    else:
        served = able(workspace, found, chosen(workspace, found, named or id))
    loaded = engine.model(served)
    version, pieces = loaded.version, engine.stream(served, row)

    def told() -> Generator[str, None, Prediction]:
        started = time.perf_counter()
        try:
            given = yield from pieces
        except Exception as error:
            if found and not isinstance(error, TuneworksError):
                judged(workspace, found, served, failing(loaded, error))
            raise
        seconds = time.perf_counter() - started
        name, inputs = found.id if found else "", kept(version.spec, row)
        made = Prediction(id, name, version.id, now(), inputs, given, round(seconds * 1000, 3), named)
        if found:
            note_answers(found.id, version, [given], seconds)
            shadow(workspace, found, [row], [made])
        return made

    return version, told()


def _logged(workspace: Workspace, pieces: Generator[str, None, Prediction], log: bool) -> Iterator[str | Prediction]:
    prediction = yield from pieces
    if log and prediction.deployment:
        workspace.store.append([prediction])
    yield prediction


def _deployment(workspace: Workspace, reference: str) -> Deployment | None:
    """The deployment; none for a version reference."""
    if "@" in reference and workspace.store.get(Deployment, reference) is None:
        return None
    return deployment_of(workspace, reference)


def _given(workspace: Workspace, reference: str, found: Deployment | None, rows: Sequence[Row], key: str) -> Given:
    if found is not None:
        return answered(workspace, found, chosen(workspace, found, key), rows)
    given = tried(workspace, _alone(workspace, reference), rows)
    if isinstance(given, Fault):
        raise given.error
    return given


def _alone(workspace: Workspace, reference: str) -> Served:
    """A version by its own runtime."""
    version = version_of(workspace, reference)
    return Served(version.id, runtime_of(version.bases))


def checked_keys(keys: Sequence[str] | None, rows: int) -> Sequence[str | None]:
    """The caller's key of each row, ``None`` where there are none; raises ``InvalidInput``."""
    if keys is None:
        return [None] * rows
    if len(keys) != rows:
        raise InvalidInput(
            Text(f"There are {len(keys)} keys for {rows} rows.", f"共 {rows} 行数据，却有 {len(keys)} 个键。"),
            Text(
                "Give one key a row, in the same order, or none at all.", "请按相同顺序为每行提供一个键，或完全不提供。"
            ),
        )
    return [_checked_key(key, number) for number, key in enumerate(keys, start=1)]


def _checked_key(key: Any, number: int) -> str:
    if not isinstance(key, str) or not key:
        raise InvalidInput(
            Text(f"Key {number} is {key!r}, not a text.", f"第 {number} 个键是 {key!r}，而不是文本。"),
            Text(
                "A key is your own name for the row, such as an order number.", "键是您自己给该行的编号，例如订单号。"
            ),
        )
    return whole_text(key, Text(f"Key {number}", f"第 {number} 个键"))
