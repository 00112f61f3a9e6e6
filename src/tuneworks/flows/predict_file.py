"""Answer a whole file or stream of rows, a batch at a time, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tuneworks.core.events import Listener, silent
from tuneworks.core.types import Prediction, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.asked_rows import batches, counted_from, key_of, opened_rows
from tuneworks.flows.image_files import with_paths
from tuneworks.flows.predict import predict
from tuneworks.flows.references import version_of
from tuneworks.serving.pictures import image_columns


def predict_file(
    deployment: str,
    source: Path | BinaryIO,
    *,
    layout: str = "auto",
    key: str | None = None,
    log: bool = True,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> Iterator[Prediction]:
    """One prediction a row of a file or stream; the listener hears what the reader had to repair or skip.

    ``layout`` is a reader's name, ``lines`` (one text a line), ``image`` (the file is one) or ``auto``; ``key`` the
    column of the caller's keys. Names of image files are taken from the folder of the file that names them.
    """
    workspace = workspace or Workspace.open()
    spec = _spec(workspace, deployment)
    folder = source.parent if isinstance(source, Path) else Path.cwd()
    with opened_rows(source, layout, spec, deployment, listener) as rows:
        named = (with_paths(row, image_columns(spec), folder) for row in rows)
        for first, batch in batches(named):
            keys = [key_of(row, key, first + at) for at, row in enumerate(batch)] if key else None
            with counted_from(first):
                predictions = predict(deployment, batch, keys=keys, log=log, workspace=workspace)
            yield from predictions


def _spec(workspace: Workspace, deployment: str) -> TaskSpec:
    """What the version that answers is asked."""
    return version_of(workspace, deployment if "@" in deployment else f"{deployment}@champion").spec
