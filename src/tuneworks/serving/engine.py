"""Models kept in memory: opened once, their seal checked, asked in bounded batches by any number of threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.answers import Answer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.contracts import Model, Runtime
from tuneworks.core.errors import NotFound
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Served
from tuneworks.core.workspace import Workspace
from tuneworks.serving import seal
from tuneworks.serving.folders import materialise
from tuneworks.serving.inputs import check_rows
from tuneworks.serving.loaded import open_model

BATCH_ROWS = 256
KEPT_MODELS = 4
_making = threading.Lock()


@dataclass(frozen=True)
class LoadedModel:
    """An opened model, the task that asks it and the runtime that runs it, one thread in ``turn`` after another."""

    version: ModelVersion
    model: Model
    task: Task
    runtime: Runtime
    turn: Any = field(default_factory=threading.Lock)

    def run(self, rows: Sequence[Row]) -> tuple[list[Any], list[Answer]]:
        """Score arrays and answers of at most ``BATCH_ROWS`` checked rows."""
        spec = self.model.spec
        examples = self.task.examples(spec, rows)
        with self.turn:
            scores = self.runtime.run(self.model, examples)
        return list(scores), self.task.decode(spec, scores, examples)

    def stream(self, row: Row) -> Generator[str, None, Answer]:
        """Pieces of the text written for a checked row; returns the answer. Between pieces others have their turn."""
        examples = self.task.examples(self.model.spec, [row])
        return self._pieces(self.runtime.stream(self.model, examples), examples)

    def _pieces(self, pieces: Generator[str, None, Any], examples: Examples) -> Generator[str, None, Answer]:
        while True:
            with self.turn:
                try:
                    piece = next(pieces)
                except StopIteration as end:
                    scores = end.value
                    break
            yield piece
        return self.task.decode(self.model.spec, [scores], examples)[0]


class Engine:
    """Answers rows by served versions; keeps the ``KEPT_MODELS`` last used models open."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._open: OrderedDict[tuple[str, str], LoadedModel] = OrderedDict()
        self._opening = threading.RLock()

    def model(self, served: Served) -> LoadedModel:
        """The model, opened and its seal checked on first use; raises ``NotFound`` or ``BrokenSeal``."""
        key = (served.version_id, served.runtime)
        with self._opening:
            found = self._open.get(key) or self.reopen(served)
            self._open.move_to_end(key)
            return found

    def prepare(self, version: ModelVersion, runtime: str) -> Served:
        """The version opened, its seal checked by running it, and compiled where the runtime compiles."""
        with self._opening:
            served = Served(version.id, runtime)
            loaded = self.reopen(served)
            compiled = loaded.runtime.compile(loaded.model)
            if compiled:
                blobs = {file: self._workspace.blobs.write(data) for file, data in compiled.items()}
                served = Served(version.id, runtime, blobs)
                self.reopen(served)
            return served

    def reopen(self, served: Served) -> LoadedModel:
        """The model opened from its folder with its seal checked now, whatever was in memory before."""
        with self._opening:
            loaded = self._load(served)
            self._open[served.version_id, served.runtime] = loaded
            while len(self._open) > KEPT_MODELS:
                self._open.popitem(last=False)
            return loaded

    def answer(self, served: Served, rows: Sequence[Any]) -> tuple[list[Any], list[Answer]]:
        """One score array and one answer a row, in order; raises ``InvalidInput`` naming row and column."""
        loaded = self.model(served)
        checked = check_rows(loaded.task, loaded.model.spec, rows)
        scores: list[Any] = []
        answers: list[Answer] = []
        for start in range(0, len(checked), BATCH_ROWS):
            some_scores, some_answers = loaded.run(checked[start : start + BATCH_ROWS])
            scores += some_scores
            answers += some_answers
        return scores, answers

    def stream(self, served: Served, row: Any) -> Generator[str, None, Answer]:
        """Pieces of the text written for a row, then (returned) the answer; a wrong row is told before the first."""
        loaded = self.model(served)
        return loaded.stream(check_rows(loaded.task, loaded.model.spec, [row])[0])

    def _load(self, served: Served) -> LoadedModel:
        version = _version(self._workspace, served.version_id)
        runtime = registry.load("runtimes", served.runtime)()
        folder = materialise(self._workspace, version)
        self._place(served, folder)
        seal.verify_manifest(folder, served.compiled)
        model = open_model(folder)
        seal.verify_golden(model, runtime)
        return LoadedModel(version, model, registry.load("tasks", model.spec.task or "")(), runtime)

    def _place(self, served: Served, folder: Path) -> None:
        """The runtime's compiled files, laid into the folder where they are missing."""
        for name, blob in served.compiled.items():
            if not (folder / name).exists():
                self._workspace.blobs.copy_to(blob, folder / name)


def engine_of(workspace: Workspace) -> Engine:
    """The workspace's one engine, made on first use."""
    with _making:
        if "engine" not in workspace.loaded:
            workspace.loaded["engine"] = Engine(workspace)
        engine: Engine = workspace.loaded["engine"]
        return engine


def _version(workspace: Workspace, version_id: str) -> ModelVersion:
    version = workspace.store.get(ModelVersion, version_id)
    if version is None:
        raise NotFound(
            Text(
                f"The model version {version_id!r} is not in this workspace.",
                f"本工作区中没有模型版本 {version_id!r}。",
            ),
            Text("List the versions: tuneworks list versions", "查看已有版本：tuneworks list versions"),
        )
    return version
