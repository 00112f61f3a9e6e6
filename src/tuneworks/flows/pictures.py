"""Which stored images datasets, their rows and logged predictions still speak of."""

from __future__ import annotations

from collections.abc import Iterable

from tuneworks.core.types import Dataset, ModelVersion, Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.rows import stored_rows
from tuneworks.serving.pictures import NAME, PREFIX, image_columns


def pictures_of(workspace: Workspace, datasets: Iterable[Dataset]) -> set[str]:
    """The blobs of the datasets' images."""
    found: set[str] = set()
    for dataset in datasets:
        columns = [column.name for column in dataset.columns if column.kind == "image"]
        rows = stored_rows(workspace, dataset) if columns else []
        found |= {row[column].removeprefix(PREFIX) for row in rows for column in columns if row[column]}
    return found


def pictures_in_use(workspace: Workspace) -> set[str]:
    """The blobs of the images of all datasets, and of predictions that may be learnt from or watched."""
    store = workspace.store
    answered = [version.id for version in store.find(ModelVersion) if image_columns(version.spec)]
    logged = {
        value.removeprefix(PREFIX)
        for id in answered
        for prediction in store.find(Prediction, version_id=id)
        for value in prediction.inputs.values()
        if isinstance(value, str) and NAME.fullmatch(value)
    }
    return logged | pictures_of(workspace, store.find(Dataset))
