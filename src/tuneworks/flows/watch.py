"""Measure what changed between the champion's held-out rows and what it answers now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy

from tuneworks.core import registry
from tuneworks.core.asking import Row, Task
from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import InvalidInput
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, Feedback, Prediction, Served, Signal, TaskSpec
from tuneworks.core.watching import Measurement, Window
from tuneworks.core.workspace import Workspace
from tuneworks.flows.held_out import plan_of
from tuneworks.flows.judged import judged_predictions
from tuneworks.flows.references import deployment_of
from tuneworks.serving.engine import LoadedModel, engine_of
from tuneworks.serving.pictures import image_columns, known
from tuneworks.statistics.features import dense
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.statistics.views import pooled_of

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
    data = plan_of(workspace, loaded.version).data
    spec, shape = data.spec, shape_of(loaded.model.output.kind)
    unseen = _spread([row for row in data.test.rows if _complete(data.task, spec, row)], REFERENCE_ROWS)
    others = [row for row in data.validation.rows if _complete(data.task, spec, row)]
    chosen = unseen + _spread(others, REFERENCE_ROWS - len(unseen))
    _, answers = engine_of(workspace).answer(champion, chosen)
    judged = [
        (answer, Feedback("", "", value=truth, correct=error == 0, error=error))
        for answer, row in zip(answers, unseen, strict=False)
        if (truth := data.task.truth(spec, row)) is not None
        for error in [shape.error(answer, truth)]
    ]
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
    rows = known(workspace.blobs, [prediction.inputs for prediction in predictions], image_columns(loaded.model.spec))
    features = _features(loaded, rows)
    return Window(features, [prediction.answer for prediction in predictions], judged)


def _features(loaded: LoadedModel, rows: Sequence[Row]) -> Any:
    """Pooled features of all bases side by side (N, D), dense; no columns where there are hardly any rows."""
    if len(rows) < FEWEST_ROWS:
        return numpy.zeros((len(rows), 0), dtype=numpy.float32)
    model = loaded.model
    examples = loaded.task.examples(model.spec, rows)
    with loaded.turn:
        return dense(pooled_of(model.bases, model.spec, model.output, examples))


def _complete(task: Task, spec: TaskSpec, row: Row) -> bool:
    """Whether a row has every column that must be there; those beside the roles may be missing."""
    return all(row.get(column) is not None for role, column in spec.inputs.items() if role in task.roles)


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
