"""The contracts: what each kind of plug-in promises, in one to six methods.

Arrays are numpy arrays throughout; N counts examples, L an example's units (words; characters for Chinese),
C classes, D feature dimensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tuneworks.core.evaluation import Evaluation, Finding, Tally
from tuneworks.core.events import Listener, silent
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import Answer, BaseUse, Column, Output, Recipe, TaskSpec

Row = Mapping[str, Any]


# -- data in -----------------------------------------------------------------------------------


class Reader(ABC):
    """Turns one file format into rows."""

    @abstractmethod
    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether this reader understands the file, judged by its name and its first 64 kB."""

    @abstractmethod
    def rows(self, path: Path, listener: Listener = silent) -> Iterator[Row]:
        """The file's rows as column name -> value, in file order; raises ``UnreadableFile`` with line and column.

        The listener hears one event ``format`` (encoding, separator) and one ``repair`` for each thing set right.
        """


class Finder(ABC):
    """Finds one kind of trouble in a dataset's rows before anything is trained on them."""

    @abstractmethod
    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        """What is wrong; ``spec`` is complete, ``splits`` names each row's split (train, validation, test)."""


# -- what is learnt --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Examples:
    """N examples in the task's own form.

    ``inputs``: role -> N values. ``targets`` by ``Output.kind``: classes (N,) class numbers, -1 a label outside the
    list; token_classes N arrays (L,). ``units``: for each example its L units as (start, end) code-point offsets.
    ``rows``: the rows they came from.
    """

    inputs: Mapping[str, Sequence[Any]]
    rows: Sequence[Row]
    targets: Any = None
    units: Sequence[Sequence[tuple[int, int]]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: Sequence[int]) -> Examples:
        """The examples at the given positions, in that order."""

        def pick(values: Any) -> Any:
            return None if values is None else [values[i] for i in chosen]

        targets = self.targets[list(chosen)] if hasattr(self.targets, "dtype") else pick(self.targets)
        inputs = {role: pick(values) for role, values in self.inputs.items()}
        return replace(self, inputs=inputs, rows=pick(self.rows), targets=targets, units=pick(self.units))


@dataclass(frozen=True)
class NoOptions:
    """The options of a task that has none."""


class Task(ABC):
    """One kind of question asked of a model, knowing nothing of bases and methods.

    ``roles``: role -> column kinds it takes, in order. Texts a user reads carry both languages.
    ``Options`` is a frozen dataclass of the settings it reads from ``spec.options``, with their defaults.
    """

    Options: type = NoOptions
    roles: Mapping[str, tuple[str, ...]]
    target_kinds: tuple[str, ...]

    @abstractmethod
    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        """The spec with inputs, target, labels and metric derived from the data where the user left them open."""

    @abstractmethod
    def output(self, spec: TaskSpec) -> Output:
        """What the task asks of a model."""

    @abstractmethod
    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        """Rows as examples; rows without the target column give ``targets=None``."""

    @abstractmethod
    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        """One answer an example from its score array."""

    @abstractmethod
    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        """The task's metrics against ``examples.targets`` as row-wise sums: quick, and ready for paired comparison."""

    @abstractmethod
    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        """The whole evaluation against ``examples.targets``: scores with intervals, tables, charts, mistakes."""

    @abstractmethod
    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        """A small learnable dataset, for tests and scaffolds."""


# -- what is adapted ---------------------------------------------------------------------------------


class LoadedBase(ABC):
    """A base model ready to work on one column's values.

    ``fingerprint`` identifies weights and settings: equal fingerprints give equal features.
    ``files``: names of the pretrained files it came from, which a re-tuning keeps (none where it is learnt from rows).
    ``has_network``: whether ``network()`` gives a torch module whose weights can be tuned.
    """

    fingerprint: str
    width: int | None = None  # columns of pooled features worth caching; None where they cost little
    files: tuple[str, ...] = ()
    has_network: bool = False

    @abstractmethod
    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Any:
        """Pooled features (N, D), dense float32 or sparse CSR; with ``units`` one row a unit (sum of L, D)."""

    def network(self) -> Any:
        """A fresh trainable network (``neural.encoder.Encoder``); only where ``has_network``."""
        raise TypeError(f"{type(self).__name__} has no network")

    def truncated(self, values: Sequence[Any]) -> Sequence[bool]:
        """For each value, whether its end is cut off by the model's maximum length."""
        return [False] * len(values)


class Base(ABC):
    """One family of base models. A part's name is a file name inside the base's folder of the model."""

    runtime: str  # the runtime that runs it as it is

    @abstractmethod
    def accepts(self, address: str, column_kind: str) -> bool:
        """Whether this family can serve the address on a column of that kind."""

    @abstractmethod
    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        """The base's files: pretrained weights found at the address, or what is learnt from the training values."""

    @abstractmethod
    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        """The base from its files (part name -> path)."""


@dataclass(frozen=True)
class Step:
    """One step of training: counted work with its loss; ``values`` are what curves are drawn of."""

    step: int
    total: int
    message: Text
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """All a method may know: the shape of the answer, examples, bases, and how a score is measured.

    ``features`` gives a list of feature blocks of any examples, one block a base, computed once and cached by content.
    ``measure`` gives the deciding metric (higher is better) of score arrays on examples.
    ``champion``: head arrays of the earlier version where its labels are the same, else empty; a method may start from
    them, and the methods that come with tuneworks learn their heads anew.
    """

    output: Output
    spec: TaskSpec
    recipe: Recipe
    train: Examples
    validation: Examples
    bases: Sequence[tuple[BaseUse, LoadedBase]]
    features: Callable[[Examples], list[Any]]
    measure: Callable[[Any, Examples], float]
    champion: Mapping[str, Any] = field(default_factory=dict)


Parts = Mapping[str, bytes]


class Method(ABC):
    """One way of adapting a base to a task, knowing only ``Output.kind`` and what the base offers.

    ``Options`` is a frozen dataclass of the settings it reads from ``recipe.options``, with their defaults.
    """

    Options: type
    output_kinds: tuple[str, ...]
    needs_network: bool = False

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        """The recipe with the method's own defaults where the user left settings open."""
        return replace(recipe, options={**to_plain(self.Options()), **to_plain(recipe.options)})

    @abstractmethod
    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        """Train, yielding steps; the generator's return value is the model's parts: file name -> bytes.

        ``head.safetensors`` (see ``statistics.linear``) is always among them; a tuned encoder's replace its base's.
        """


# -- what answers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """A model folder opened for use: the spec it answers for, its bases, its head's arrays."""

    folder: Path
    spec: TaskSpec
    output: Output
    bases: Sequence[tuple[BaseUse, LoadedBase]]
    head: Mapping[str, Any]


class Runtime(ABC):
    """One way of running a model; evaluate, predict and serve all go through it.

    ``runs``: the ``Base.runtime`` names of the bases it can run as they are.
    """

    runs: tuple[str, ...]

    @abstractmethod
    def compile(self, model: Model) -> Mapping[str, bytes]:
        """Files the runtime adds to the model folder (none where it runs the parts as they are)."""

    @abstractmethod
    def run(self, model: Model, examples: Examples) -> Any:
        """Score arrays, one an example: classes (N, C) probabilities; token_classes N arrays (L, C)."""


@dataclass(frozen=True)
class Window:
    """Predictions of one period: pooled features (N, D), score arrays, answers, and judged rows among them."""

    features: Any
    answers: Sequence[Answer]
    judged: Sequence[tuple[Answer, Any]] = ()


@dataclass(frozen=True)
class Measurement:
    """A detector's figure beside its threshold."""

    value: float
    threshold: float
    raised: bool
    message: Text


class Detector(ABC):
    """Measures one kind of change between a reference and the current window."""

    @abstractmethod
    def measure(self, reference: Window, current: Window, spec: TaskSpec) -> Measurement | None:
        """The figure, or ``None`` where the windows hold too little to say."""
