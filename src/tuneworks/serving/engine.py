"""Models kept in memory: opened once, their seal checked, asked in bounded batches by any number of threads.

Opening a model keeps nobody waiting but those who ask for that model. Past the memory budget the one that was asked
longest ago goes; who is asking it meanwhile keeps it to the end.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.answers import Answer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.contracts import Model, Runtime
from tuneworks.core.errors import InvalidConfig, NotFound
from tuneworks.core.memory import MEGABYTE, released, whole_megabytes
from tuneworks.core.stages import stage
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Served
from tuneworks.core.wanted import go_on_if_wanted, while_wanted
from tuneworks.core.workspace import Workspace
from tuneworks.serving import compiled, seal, signature
from tuneworks.serving.contents import must_be_data
from tuneworks.serving.folders import UNSIGNED, materialise
from tuneworks.serving.inputs import check_rows
from tuneworks.serving.loaded import open_model

BATCH_ROWS = 256
BUDGET = "TUNEWORKS_MODEL_MEGABYTES"
SHARE_OF_MEMORY = 0.5
UNKNOWN_MEMORY = 4096.0
Key = tuple[str, str, tuple[tuple[str, str], ...]]
_making = threading.Lock()


@dataclass(frozen=True)
class LoadedModel:
    """An opened model, the task that asks it and the runtime that runs it; as many ask at once as have ``turn``.

    ``bytes``: those of its files.
    """

    version: ModelVersion
    model: Model
    task: Task
    runtime: Runtime
    turn: Any
    bytes: int

    def run(self, rows: Sequence[Row]) -> tuple[list[Any], list[Answer]]:
        """Score arrays and answers of at most ``BATCH_ROWS`` checked rows."""
        spec = self.model.spec
        examples = self.task.examples(spec, rows)
        with self.turn:
            go_on_if_wanted()
            with stage("infer"):
                scores = self.runtime.run(self.model, examples)
        with stage("decode"):
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


@dataclass(frozen=True)
class _Files:
    """A served version's folder, and what a runtime compiled ``beside`` it (name -> path)."""

    version: ModelVersion
    folder: Path
    beside: Path | None = None
    compiled: Mapping[str, Path] = field(default_factory=dict)


@dataclass
class _Held:
    """Models in memory by their key, the one asked last at the end; and those that are being opened."""

    models: OrderedDict[Key, LoadedModel] = field(default_factory=OrderedDict)
    opening: dict[Key, Future[LoadedModel]] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)


class Engine:
    """Answers rows by served versions; keeps those asked last open, within ``megabytes`` of files."""

    def __init__(self, workspace: Workspace, megabytes: float | None = None) -> None:
        self._workspace = workspace
        self._budget = (megabytes or _budget()) * MEGABYTE
        self._held = _Held()

    def model(self, served: Served) -> LoadedModel:
        """The model, opened and its seal checked on first use; raises ``NotFound`` or ``BrokenSeal``."""
        held, key = self._held, _key(served)
        with held.lock:
            if found := held.models.get(key):
                held.models.move_to_end(key)
                return found
            first = key not in held.opening
            opening = held.opening.setdefault(key, Future())
        return self._opened(served, opening) if first else opening.result()

    def is_open(self, served: Served) -> bool:
        """Whether the model is in memory, so that asking it waits for nothing."""
        return _key(served) in self._held.models

    def holds(self) -> tuple[int, int]:
        """How many models are in memory, and the bytes of their files."""
        with self._held.lock:
            models = list(self._held.models.values())
        return len(models), sum(loaded.bytes for loaded in models)

    @property
    def has_room(self) -> bool:
        """Whether the memory budget is not used up."""
        return self.holds()[1] < self._budget

    def prepare(self, version: ModelVersion, runtime: str) -> Served:
        """The version opened as it is, its seal checked by running it."""
        served = Served(version.id, runtime)
        self.reopen(served)
        return served

    def reopen(self, served: Served) -> LoadedModel:
        """The model opened from its folder with its seal checked now, whatever was in memory before."""
        loaded = self._load(served)
        self._keep(_key(served), loaded)
        return loaded

    def verify(self, served: Served) -> None:
        """Raise ``BrokenSeal`` where its files are not what was sealed; quick, as nothing is opened."""
        self._files(served)

    def forget(self, served: Served) -> None:
        """Let the model go, if it is in memory."""
        with self._held.lock:
            gone = self._held.models.pop(_key(served), None)
        if gone is not None:
            del gone
            released()

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

    def _opened(self, served: Served, opening: Future[LoadedModel]) -> LoadedModel:
        """The model as this thread opens it, for itself and all who wait for the same."""
        try:
            loaded = self.reopen(served)
        except BaseException as error:
            opening.set_exception(error)
            raise
        else:
            opening.set_result(loaded)
        finally:
            with self._held.lock:
                del self._held.opening[_key(served)]
        return loaded

    def _keep(self, key: Key, loaded: LoadedModel) -> None:
        """Put the model among those in memory; past the budget those asked longest ago go."""
        with self._held.lock:
            models = self._held.models
            gone = [models.pop(key, None)]
            models[key] = loaded
            while len(models) > 1 and sum(one.bytes for one in models.values()) > self._budget:
                gone.append(models.popitem(last=False)[1])
        if any(gone):
            gone.clear()
            released()

    def _files(self, served: Served) -> _Files:
        """The files of a served version, each what was sealed; raises ``NotFound`` or ``BrokenSeal``."""
        version = _version(self._workspace, served.version_id)
        folder = materialise(self._workspace, version)
        seal.verify_manifest(folder)
        seal.verify_record(folder, version)
        signature.verify(folder, unsigned=UNSIGNED)
        must_be_data(folder)
        if not served.compiled:
            return _Files(version, folder)
        beside = compiled.laid_out(self._workspace, version, served)
        signature.verify(beside)
        return _Files(version, folder, beside, compiled.verify_files(beside, served.compiled))

    def _load(self, served: Served) -> LoadedModel:
        found = self._files(served)
        version, folder, files, beside = found.version, found.folder, found.compiled, found.beside
        runtime = registry.load("runtimes", served.runtime)()
        model = open_model(folder, files)
        with while_wanted(lambda: True):  # others may want it, though who asked first has left
            seal.verify_golden(model, runtime, beside)
        size = sum(path.stat().st_size for path in (*folder.rglob("*"), *files.values()) if path.is_file())
        task = registry.load("tasks", model.spec.task or "")()
        return LoadedModel(version, model, task, runtime, _turns(runtime), size)


def _turns(runtime: Runtime) -> Any:
    """Held by a thread that asks: one at a time where a call takes all cores of ours, one a core, or any number."""
    if runtime.far:
        return nullcontext()
    return threading.BoundedSemaphore(1 if runtime.alone else os.cpu_count() or 1)


def _key(served: Served) -> Key:
    return served.version_id, served.runtime, tuple(sorted(served.compiled.items()))


def _budget() -> float:
    """Megabytes that models may take: what the environment says, else half of the memory there is."""
    stated = os.environ.get(BUDGET)
    if stated is None:
        return SHARE_OF_MEMORY * (whole_megabytes() or UNKNOWN_MEMORY)
    if stated.isdigit() and int(stated):
        return float(stated)
    raise InvalidConfig(
        Text(f"{BUDGET} is {stated!r}.", f"{BUDGET} 为 {stated!r}。"),
        Text("Set it to a whole number of megabytes, or leave it out.", "请设为整数（单位 MB），或不设置。"),
    )


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
