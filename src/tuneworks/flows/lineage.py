"""Where an answer came from: its version, the run that made it, the data it learnt from."""

from __future__ import annotations

from dataclasses import dataclass

from tuneworks.core.errors import NotFound
from tuneworks.core.text import Text
from tuneworks.core.types import Dataset, Feedback, ModelVersion, Prediction, Run
from tuneworks.core.workspace import Workspace


@dataclass(frozen=True)
class Lineage:
    """One answer and all it came from; what was deleted since is ``None``. ``feedback``: what people said about it."""

    prediction: Prediction
    version: ModelVersion | None
    run: Run | None
    dataset: Dataset | None
    feedback: tuple[Feedback, ...]


def lineage_of(prediction: str, *, workspace: Workspace | None = None) -> Lineage:
    """The lineage of a logged prediction, by its id."""
    workspace = workspace or Workspace.open()
    store = workspace.store
    found = store.get(Prediction, prediction)
    if found is None:
        raise NotFound(
            Text(f"There is no logged prediction {prediction!r}.", f"没有 id 为 {prediction!r} 的预测记录。"),
            Text("Use the id that came with the answer.", "请使用随答案返回的 id。"),
        )
    version = store.get(ModelVersion, found.version_id)
    run = store.get(Run, version.run_id) if version else None
    dataset = store.get(Dataset, version.dataset_id) if version else None
    return Lineage(found, version, run, dataset, tuple(store.find(Feedback, prediction_id=found.id)))
