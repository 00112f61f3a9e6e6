"""Answer rows by a deployment's champion, and log every answer before it is given away."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from tuneworks.core.asking import Row
from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, ModelVersion, Prediction, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.references import deployment_of, version_of
from tuneworks.serving.engine import engine_of
from tuneworks.serving.inputs import kept
from tuneworks.serving.loaded import runtime_of
from tuneworks.serving.pictures import image_columns, taken
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
    _, predictions = answer(deployment, rows, keys=keys, workspace=workspace)
    if log and predictions and predictions[0].deployment:
        workspace.store.append(predictions)
    return predictions


def answer(
    deployment: str, rows: Sequence[Row], *, keys: Sequence[str] | None = None, workspace: Workspace
) -> tuple[ModelVersion, list[Prediction]]:
    """Who answered, and the predictions, not yet logged; ``milliseconds`` is a row's share of its call's time."""
    name, served = _served(workspace, deployment)
    named = _checked_keys(keys, len(rows))
    started = time.perf_counter()
    engine = engine_of(workspace)
    rows = taken(workspace.blobs, rows, image_columns(engine.model(served).model.spec))
    _, answers = engine.answer(served, rows)
    milliseconds = round((time.perf_counter() - started) * 1000 / max(1, len(rows)), 3)
    version, made = engine.model(served).version, now()
    return version, [
        Prediction(new_id("pred"), name, version.id, made, kept(version.spec, row), given, milliseconds, key)
        for row, given, key in zip(rows, answers, named, strict=True)
    ]


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
    name, served = _served(workspace, deployment)
    (named,) = _checked_keys(None if key is None else [key], 1)
    engine = engine_of(workspace)
    version = engine.model(served).version
    pieces = engine.stream(served, row)

    def told() -> Generator[str, None, Prediction]:
        started = time.perf_counter()
        given = yield from pieces
        milliseconds = round((time.perf_counter() - started) * 1000, 3)
        inputs = kept(version.spec, row)
        return Prediction(new_id("pred"), name, version.id, now(), inputs, given, milliseconds, named)

    return version, told()


def _logged(workspace: Workspace, pieces: Generator[str, None, Prediction], log: bool) -> Iterator[str | Prediction]:
    prediction = yield from pieces
    if log and prediction.deployment:
        workspace.store.append([prediction])
    yield prediction


def _served(workspace: Workspace, reference: str) -> tuple[str, Served]:
    """The deployment's name and champion; for a version reference no name, and the version by its own runtime."""
    if "@" in reference and workspace.store.get(Deployment, reference) is None:
        version = version_of(workspace, reference)
        return "", Served(version.id, runtime_of(version.bases))
    found = deployment_of(workspace, reference)
    return found.id, found.champion


def _checked_keys(keys: Sequence[str] | None, rows: int) -> Sequence[str | None]:
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
