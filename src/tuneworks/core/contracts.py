"""The contracts: what each kind of plug-in promises, in one to six methods.

Arrays are numpy arrays throughout; N counts examples, L an example's units (words; characters for Chinese),
C classes, D feature dimensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tuneworks.core.asking import Examples
from tuneworks.core.errors import InvalidInput
from tuneworks.core.events import Listener, silent
from tuneworks.core.records import to_plain
from tuneworks.core.spaces import Space
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse, Output, Recipe, TaskSpec

# -- what is adapted ---------------------------------------------------------------------------------


class Compilable(ABC):
    """A part of a model that runtimes may compile; ``forms``: what to."""

    forms: tuple[str, ...] = ()

    def compiled(self, form: str) -> Mapping[str, bytes]:
        """The files that, laid beside its own, make it open in one of its ``forms``."""
        raise TypeError(f"{type(self).__name__} has no form {form!r}")


class LoadedBase(Compilable):
    """A base model ready to work on one column's values.

    ``fingerprint`` identifies weights and settings: equal fingerprints give equal features.
    ``files``: names of the pretrained files it came from, which a re-tuning keeps (none where it is learnt from rows).
    ``has_network``: whether ``network()`` gives a torch module whose weights can be tuned.
    ``writes``: whether ``writer()`` gives one that writes texts. ``has_mask()``: whether the network knows a token that
    hides others.
    ``joint``: whether it reads its columns together: a value is then a row, column -> value.
    ``runtime``: the runtime that runs it, where that is not its family's.
    """

    fingerprint: str
    runtime: str = ""
    width: int | None = None  # columns of pooled features worth caching; None where they cost little
    files: tuple[str, ...] = ()
    has_network: bool = False
    writes: bool = False
    joint: bool = False

    @abstractmethod
    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Any:
        """Pooled features (N, D), dense float32 or sparse CSR; with ``units`` one row a unit (sum of L, D or wider)."""

    def network(self) -> Any:
        """A fresh trainable network (``neural.encoder.Encoder`` and the like); only where ``has_network``."""
        raise TypeError(f"{type(self).__name__} has no network")

    def writer(self) -> Any:
        """A fresh network that writes texts (``neural.writer.Writer``) and can be tuned; only where ``writes``."""
        raise TypeError(f"{type(self).__name__} writes no text")

    def has_mask(self) -> bool:
        """Whether the network was taught to guess tokens behind one that hides them."""
        return False

    def truncated(self, values: Sequence[Any]) -> Sequence[bool]:
        """For each value, whether its end is cut off by the model's maximum length."""
        return [False] * len(values)

    def tokens(self, values: Sequence[Any]) -> Sequence[int]:
        """How many tokens of each value are read; only of bases that read tokens."""
        raise TypeError(f"{type(self).__name__} reads no tokens")

    def origins(self, value: Any) -> Sequence[tuple[int, tuple[int, int] | str]] | None:
        """Where a value's features come from: (feature, stretch of the text or name of the column), each place once.

        ``None`` where a feature is made of the whole.
        """
        return None


class Base(ABC):
    """One family of base models. A part's name is a file name inside the base's folder of the model.

    ``runtime``: the runtime that runs it as it is; ``other_runtimes``: those that a loaded base may name instead.
    ``joint``: whether it reads all its columns together, as rows.
    """

    runtime: str
    other_runtimes: tuple[str, ...] = ()
    joint: bool = False

    @abstractmethod
    def accepts(self, address: str, column_kind: str) -> bool:
        """Whether this family can serve the address on a column of that kind."""

    @abstractmethod
    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        """The base's files: pretrained weights found at the address, or what is learnt from the training values."""

    def kept(
        self, files: Mapping[str, Path | bytes], *, options: Mapping[str, Any], listener: Listener
    ) -> Mapping[str, Path | bytes]:
        """A champion's files as another run with these options uses them."""
        return files

    @abstractmethod
    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        """The base from its files (part name -> path)."""


@dataclass(frozen=True)
class Step:
    """One step of training: counted work with its loss; ``values`` are what curves are drawn of.

    ``state``: all that a fit needs to go on from here (file name -> bytes), made only when it is asked for.
    ``validate``: the deciding metric on validation rows of the network as it stands, measured only when it is asked
    for; what follows stays the same.
    """

    step: int
    total: int
    message: Text
    values: Mapping[str, float] = field(default_factory=dict)
    state: Callable[[], Mapping[str, bytes]] | None = None
    validate: Callable[[], float] | None = None


@dataclass(frozen=True)
class Seat:
    """A process's place among ``size`` that fit a model together; the first listens on ``host`` and ``port``.

    ``sharing``: how many of them share the threads this one has. ``meet`` returns when all are about to join.
    """

    rank: int
    size: int
    host: str
    port: int
    sharing: int = 1
    meet: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Job:
    """All a method may know: the shape of the answer, examples, bases, and how a score is measured.

    ``features`` gives a list of feature blocks of any examples, one block a base, computed once and cached by content.
    ``measure`` gives the deciding metric (higher is better) of score arrays on examples.
    ``cache``: a folder for what can be made again. ``teacher``: the version that is gone on from, if any.
    ``unlabelled``: the examples to learn from whose rows say no target.
    ``resumed``: the state of a step of an earlier attempt at this very job; the fit goes on from there.
    ``seat``: where several processes fit it together, this one's place among them; only the first one's parts are kept.
    """

    output: Output
    spec: TaskSpec
    recipe: Recipe
    train: Examples
    validation: Examples
    bases: Sequence[tuple[BaseUse, LoadedBase]]
    features: Callable[[Examples], list[Any]]
    measure: Callable[[Any, Examples], float]
    cache: Path | None = None
    teacher: Model | None = None
    unlabelled: Examples | None = None
    resumed: Mapping[str, bytes] | None = None
    seat: Seat | None = None


Parts = Mapping[str, bytes]


class Head(Compilable):
    """What a method learnt on top of the bases, ready to answer."""

    @abstractmethod
    def scores(self, model: Model, examples: Examples) -> Any:
        """Score arrays, one an example, by ``Output.kind``.

        classes (N, C) and token_classes N arrays (L, C): probabilities; multi_label (N, C): a probability each;
        spans N arrays (L + 1, 2): probabilities of first and last unit, row 0 says there is no answer; number
        (N,); quantiles (N, H, Q); similarity (N,), 0 to 1; anomaly (N,), more is stranger, past 1 an alarm;
        likelihood (N, 2): nats of surprise, and tokens; text N arrays (T, 2): code points with the log-probability
        of the token each came with.
        """

    def contributions(self, model: Model, examples: Examples, leaning: Any) -> tuple[Any, Any] | None:
        """What each feature of all blocks side by side adds (N, D), and what is there without any (N,), exactly.

        They add up to the sums before the link, weighted by ``leaning`` (N, C). ``None`` where they are no such sums.
        """
        return None

    def stream(self, model: Model, examples: Examples) -> Generator[str, None, Any]:
        """The first example's text as it is written, piece by piece (``Written``); returns its score array."""
        raise InvalidInput(
            Text("This model writes no text that could be streamed.", "此模型不生成文本，无法流式返回。"),
            Text("Ask it without streaming.", "请不要使用流式请求。"),
        )


class Method(ABC):
    """One way of adapting a base to a task, knowing only ``Output.kind`` and what the base offers.

    ``Options`` is a frozen dataclass of the settings it reads from ``recipe.options``, with their defaults.
    ``output_kinds``: the answers it can learn. ``reads``: the kinds of columns it can work on (``None``: any).
    ``needs_network``, ``needs_writer``, ``needs_mask``: what it asks of its base; ``needs_teacher``: whether it learns
    from the version that is gone on from, and so from rows that say no target too; ``int8``: whether it was measured to
    lose nothing on int8 features, which it then gets where its base offers them. ``rung``: its place on the ladder from
    cheap (0: learns nothing) to dear; ``None`` where it is only used when it is named.
    """

    Options: type
    output_kinds: tuple[str, ...]
    reads: tuple[str, ...] | None = None
    needs_network: bool = False
    needs_writer: bool = False
    needs_mask: bool = False
    needs_teacher: bool = False
    int8: bool = False
    rung: int | None = None

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        """The recipe with the method's own defaults where the user left settings open."""
        return replace(recipe, options={**to_plain(self.Options()), **to_plain(recipe.options)})

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        """What is worth searching around a complete recipe: dotted setting (``recipe.learning_rate``) -> values."""
        return {}

    @abstractmethod
    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        """Train, yielding steps; the generator's return value is the model's parts: file name -> bytes.

        The head's files lie at the top of the model's folder; a tuned base's replace the base's own, an empty one takes
        it away. A fit that was resumed yields the steps that were still to come and returns the same bytes as one that
        never stopped.
        """

    @abstractmethod
    def load(self, files: Mapping[str, Path]) -> Head:
        """The head from the model's files (part name -> path)."""


# -- what answers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """A model folder opened for use: the spec it answers for, its bases, its head."""

    folder: Path
    spec: TaskSpec
    output: Output
    bases: Sequence[tuple[BaseUse, LoadedBase]]
    head: Head


class Runtime(ABC):
    """One way of running a model; evaluate, predict and serve all go through it.

    ``runs``: the ``Base.runtime`` names of the bases it can run as they are. ``forms``: what it compiles parts to.
    ``alone``: whether one call takes all cores, so that calls come one after another. ``far``: whether other processes
    answer; such a one is used when it is named, and its calls take no core of ours.
    """

    runs: tuple[str, ...]
    forms: tuple[str, ...] = ()
    alone: bool = False
    far: bool = False

    def compile(self, model: Model, form: str) -> Mapping[str, bytes]:
        """The files that put all parts that can be into one of the ``forms`` (by name in the model's folder)."""
        bases = ((f"{use.folder}/" if use.folder else "", base) for use, base in model.bases)
        parts: list[tuple[str, Compilable]] = [("", model.head), *bases]
        made = [(prefix, part.compiled(form)) for prefix, part in parts if form in part.forms]
        return {f"{prefix}{name}": data for prefix, files in made for name, data in files.items()}

    @abstractmethod
    def run(self, model: Model, examples: Examples) -> Any:
        """Score arrays, one an example: see ``Head.scores``."""

    def stream(self, model: Model, examples: Examples) -> Generator[str, None, Any]:
        """Pieces of the first example's text as they are written, see ``Head.stream``."""
        return model.head.stream(model, examples)
