"""Measure what changed between the champion's held-out rows and what it answers now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy

from tuneworks.core import registry
from tuneworks.core.clock import new_id, now
from tuneworks.core.contracts import Measurement, Row, Window
from tuneworks.core.errors import InvalidInput
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import Answer, Deployment, Feedback, Prediction, Served, Signal, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.feedback import agrees
from tuneworks.flows.judged import judged_predictions
from tuneworks.flows.references import dataset_of, deployment_of
from tuneworks.flows.rows import read_rows
from tuneworks.serving.engine import LoadedModel, engine_of
from tuneworks.statistics.features import dense
from tuneworks.statistics.splits import NAMES, assign

REFERENCE_ROWS = 500
FEWEST_ROWS = 2


def watch(
    deployment: str, *, window: int = 200, workspace: Workspace | None = None, listener: Listener = silent
) -> list[Signal]:
    """Every detector's figure on the champion's last ``window`` predictions, stored; none where data is too little."""
    _positive(window)
    workspace = workspace or Workspace.open()
    present = deployment_of(workspace, deployment)
    loaded = engine_of(workspace).model(present.champion)
    tell(listener, "reference", Text("Scoring held-out rows", "正在为保留数据评分"))
    reference = _reference(workspace, present.champion, loaded)
    current = _current(workspace, present, loaded, window)
    signals = []
    for name in registry.names("detectors"):
        measured = registry.load("detectors", name)().measure(reference, current, loaded.model.spec)
        if measured is None:
            tell(listener, "too-little", _too_little(name, reference, current))
        else:
            signals.append(_signal(present.id, name, measured, current))
            tell(listener, "signal", measured.message, {"value": measured.value, "threshold": measured.threshold})
    if signals:
        workspace.store.put(*signals)
    return signals


def _reference(workspace: Workspace, champion: Served, loaded: LoadedModel) -> Window:
    """At most ``REFERENCE_ROWS`` test rows, then validation rows; judged are test rows alone, which no fit has seen."""
    spec = loaded.model.spec
    rows = read_rows(workspace, dataset_of(workspace, loaded.version.dataset_id))
    sides: dict[str, list[Row]] = {name: [] for name in NAMES}
    for row, side in zip(rows, assign(rows, spec), strict=True):
        if _complete(spec, row):
            sides[side].append(row)
    unseen = _spread(sides["test"], REFERENCE_ROWS)
    chosen = unseen + _spread(sides["validation"], REFERENCE_ROWS - len(unseen))
    _, answers = engine_of(workspace).answer(champion, chosen)
    judged = [(answer, _verdict(answer, row[spec.target or ""])) for answer, row in zip(answers, unseen, strict=False)]
    return Window(_features(loaded, chosen), answers, judged)


def _spread(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many rows, evenly over all of them."""
    return [rows[int(i)] for i in numpy.linspace(0, len(rows) - 1, min(len(rows), most))]


def _current(workspace: Workspace, present: Deployment, loaded: LoadedModel, window: int) -> Window:
    version_id = present.champion.version_id
    predictions = workspace.store.find(
        Prediction, deployment=present.id, version_id=version_id, newest_first=True, limit=window
    )
    judged = [
        (prediction.answer, verdict)
        for prediction, verdict in islice(judged_predictions(workspace, present.id, version_id=version_id), window)
    ]
    features = _features(loaded, [prediction.inputs for prediction in predictions])
    return Window(features, [prediction.answer for prediction in predictions], judged)


def _features(loaded: LoadedModel, rows: Sequence[Row]) -> Any:
    """Pooled features of all bases side by side (N, D), dense; no columns where there are hardly any rows."""
    if len(rows) < FEWEST_ROWS:
        return numpy.zeros((len(rows), 0), dtype=numpy.float32)
    inputs = loaded.task.examples(loaded.model.spec, rows).inputs
    role_of = {column: role for role, column in loaded.model.spec.inputs.items()}
    with loaded.turn:
        return dense([base.features(inputs[role_of[use.column]]) for use, base in loaded.model.bases])


def _complete(spec: TaskSpec, row: Row) -> bool:
    return all(row.get(column) is not None for column in (*spec.inputs.values(), spec.target or ""))


def _verdict(answer: Answer, truth: Any) -> Feedback:
    return Feedback("", "", value=truth, correct=agrees(answer, truth))


def _signal(deployment: str, detector: str, measured: Measurement, current: Window) -> Signal:
    rows = len(current.answers)
    return Signal(
        new_id("sig"),
        deployment,
        detector,
        measured.value,
        measured.threshold,
        measured.raised,
        rows,
        measured.message,
        now(),
    )


def _too_little(detector: str, reference: Window, current: Window) -> Text:
    return Text(
        f"{detector}: too little data to say: {len(reference.answers)} held-out rows, {len(current.answers)} "
        f"predictions, {len(current.judged)} of them with feedback.",
        f"{detector}：数据太少，无法判断：保留数据 {len(reference.answers)} 行，预测 {len(current.answers)} 条，"
        f"其中有反馈的 {len(current.judged)} 条。",
    )


def _positive(window: int) -> None:
    if window < 1:
        raise InvalidInput(
            Text(f"The window must be at least 1 prediction, got {window}.", f"窗口至少为 1 条预测，实为 {window}。"),
            Text("Leave it out: the last 200 predictions are watched.", "可省略：默认观察最近 200 条预测。"),
        )
