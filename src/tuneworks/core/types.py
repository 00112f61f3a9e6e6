"""The nouns: one set of frozen dataclasses for storage, HTTP, configuration and ``--json`` alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuneworks.core.served import Deployment as Deployment
from tuneworks.core.served import Feedback as Feedback
from tuneworks.core.served import Move as Move
from tuneworks.core.served import Policy as Policy
from tuneworks.core.served import Prediction as Prediction
from tuneworks.core.served import Served as Served
from tuneworks.core.served import Shadow as Shadow
from tuneworks.core.served import Signal as Signal
from tuneworks.core.text import Text

COLUMN_KINDS = ("text", "category", "labels", "number", "time", "image", "spans", "messages")


# -- data ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A named column and what it holds; kinds are listed in ``COLUMN_KINDS``."""

    name: str
    kind: str


@dataclass(frozen=True)
class Dataset:
    """A version of a company's rows; ``id`` is the SHA-256 of its canonical typed rows and column kinds."""

    id: str
    uri: str
    columns: tuple[Column, ...]
    rows: int
    created: str
    parent_id: str | None = None


@dataclass(frozen=True)
class DatasetName:
    """A name that points at a dataset version; adding data again under the name moves it."""

    id: str
    dataset_id: str
    moved: str


class Picture(str):
    """An image value: the name of its bytes (``sha256:`` and their hash), and ``path`` where they lie on this machine.

    As a text it is the name alone, so equal images are equal values wherever they lie.
    """

    path: Path

    def __new__(cls, name: str, path: Path) -> Picture:
        made = super().__new__(cls, name)
        made.path = path
        return made


@dataclass(frozen=True)
class Pair:
    """A text read in the light of another, such as a passage (``second``) after a question; units are the second's."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first}\n{self.second}"


# -- what to learn, and how -----------------------------------------------------------------------


@dataclass(frozen=True)
class Output:
    """The shape of an answer: ``kind`` says which arrays, ``size`` how many classes, values or steps.

    ``levels``: the quantiles asked for, where the kind is ``quantiles``.
    """

    kind: str
    size: int
    levels: tuple[float, ...] = ()

    @property
    def per_unit(self) -> bool:
        """Whether an example is scored unit by unit (words; characters for Chinese) rather than as a whole."""
        return self.kind in ("token_classes", "spans")

    @property
    def paired(self) -> bool:
        """Whether an example's inputs are compared with each other by one base that reads each alone."""
        return self.kind == "similarity"


@dataclass(frozen=True)
class TaskSpec:
    """What is asked of a model: which columns go in, which one is learnt, how it is scored and split.

    ``inputs``: role -> column. ``kinds``: what each input column is read as, from the task's roles and the data.
    """

    task: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    labels: tuple[str, ...] = ()
    metric: str | None = None
    split: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """How the model is made; ``None`` means: derived from the data or the method's own default."""

    base: str | Mapping[str, tuple[str, ...]] | None = None
    method: str | None = None
    epochs: int | None = None
    batch_tokens: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """How settings are searched; what it finds is measured on validation rows alone.

    ``trials``: recipes tried. ``seeds``: how often the best one is measured in all. ``space``: dotted setting -> the
    values to try, such as ``log(1e-5, 1e-3)``; empty: what the method declares. ``workers``: processes that do trials
    side by side, 0 for none but the search's own. ``store``: whether the best recipe is tuned to a version.
    ``runner``: whose machines these processes are on.
    """

    trials: int = 30
    seeds: int = 3
    space: Mapping[str, Any] = field(default_factory=dict)
    workers: int | None = None
    store: bool = True
    runner: str = "inline"


@dataclass(frozen=True)
class RunConfig:
    """Everything a run needs; the same fields are the TOML file's.

    ``checkpoint_seconds``: how long a run works between checkpoints at least; 0 writes one after every step.
    ``processes``: how many train its network together.
    """

    name: str | None = None
    dataset: str | None = None
    spec: TaskSpec = TaskSpec()
    recipe: Recipe = Recipe()
    from_version: str | None = None
    goal: float | None = None
    budget: float | None = None
    checkpoint_seconds: float = 60.0
    search: Search = Search()
    processes: int = 1


# -- runs and versions ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One attempt at a piece of work. Status: queued, running, paused, finished, failed, interrupted, cancelled.

    ``config`` is complete; ``asked`` is what the user gave of it. ``kind``: what the work is: ``tune`` (a model
    version), ``trial`` (a validation score alone, no test row seen) or ``search``; ``parent_id``: the search of a
    trial, or of the tuning of its version. ``score``: the deciding metric on validation rows, higher is better.
    ``wanted``: pause or cancel, as asked for. ``claims``: how often it was claimed; only its last claimer may write.
    ``environment``: what its bytes depend on beside the configuration. An ``owner`` of a queued run keeps it for
    itself; without one any worker takes it.
    """

    id: str
    config: RunConfig
    status: str
    created: str
    owner: str | None = None
    ended: str | None = None
    error: Text | None = None
    version_id: str | None = None
    asked: RunConfig | None = None
    kind: str = "tune"
    parent_id: str | None = None
    score: float | None = None
    wanted: str | None = None
    claims: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lease:
    """A claim on the run of that id, kept alive by its owner; ``beats`` that no longer grow mean: it may be taken."""

    id: str
    owner: str
    claims: int
    beats: int = 0


@dataclass(frozen=True)
class Score:
    """A measured value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class BaseUse:
    """One base model at work; its files lie below ``folder`` in the model folder ("" is the top).

    ``columns``: the input it reads; several where it reads them together as rows, or each alone to compare them.
    ``runtime``: what runs it, where that is not what runs its family.
    """

    columns: tuple[str, ...]
    name: str
    address: str
    folder: str
    runtime: str = ""


@dataclass(frozen=True)
class ModelVersion:
    """A tuned model: where it came from, what it is made of (``parts``: file name -> blob id), how good it is."""

    id: str
    name: str
    number: int
    run_id: str
    dataset_id: str
    spec: TaskSpec
    recipe: Recipe
    output: Output
    bases: tuple[BaseUse, ...]
    parts: Mapping[str, str]
    scores: Mapping[str, Score]
    created: str
    parent_id: str | None = None

    @property
    def label(self) -> str:
        return f"{self.name}@{self.number}"


@dataclass(frozen=True)
class Event:
    """A moment of a long piece of work, sent to one listener; those of a run are stored, each with an ``id``."""

    kind: str
    message: Text
    at: str
    run_id: str | None = None
    step: int | None = None
    total: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    id: str | None = None
