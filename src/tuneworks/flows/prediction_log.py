"""The log a server writes its predictions to: many requests, one flush to disk."""

from __future__ import annotations

import threading

from tuneworks.core.workspace import Workspace
from tuneworks.serving.prediction_log import PredictionLog

NAME = "prediction_log"
_making = threading.Lock()


def prediction_log_of(workspace: Workspace) -> PredictionLog:
    """The workspace's one prediction log, made on first use."""
    with _making:
        if NAME not in workspace.loaded:
            workspace.loaded[NAME] = PredictionLog(workspace.store)
        log: PredictionLog = workspace.loaded[NAME]
        return log


def close_prediction_log(workspace: Workspace) -> None:
    """Write what is pending and stop the writer."""
    with _making:
        log = workspace.loaded.pop(NAME, None)
    if log is not None:
        log.close()
