"""Predictions joined with what people said about them."""

from __future__ import annotations

from collections.abc import Iterator

from tuneworks.core.types import Feedback, Prediction
from tuneworks.core.workspace import Workspace


def judged_predictions(
    workspace: Workspace, deployment: str, *, version_id: str | None = None
) -> Iterator[tuple[Prediction, Feedback]]:
    """A deployment's predictions with their latest feedback, latest first; those of one version where it is given."""
    seen: set[str] = set()
    for verdict in workspace.store.find(Feedback, newest_first=True):
        if verdict.prediction_id is None or verdict.prediction_id in seen:
            continue
        seen.add(verdict.prediction_id)
        prediction = workspace.store.get(Prediction, verdict.prediction_id)
        if prediction and prediction.deployment == deployment and version_id in (None, prediction.version_id):
            yield prediction, verdict
