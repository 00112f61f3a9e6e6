"""What is brought in and what is asked: the contracts of readers, finders and tasks, and the examples they make.

Arrays are numpy arrays throughout; N counts examples, L an example's units (words; characters for Chinese),
C classes, H steps to come, Q quantiles, K marked stretches.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuneworks.core.answers import Answer
from tuneworks.core.evaluation import Evaluation, Finding, Tally
from tuneworks.core.events import Listener, silent
from tuneworks.core.types import Column, Output, TaskSpec

Row = Mapping[str, Any]


# -- data in -----------------------------------------------------------------------------------


class Reader(ABC):
    """Turns one file format into rows; ``folders``: whether it reads whole folders instead of files."""

    folders: bool = False

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

    ``inputs``: role -> N values, as bases read them: a text, a number, a ``Picture``, a ``Pair``, a list of numbers.
    ``targets`` by ``Output.kind``: classes (N,) class numbers, -1 a label outside the list; multi_label (N, C) of 0 and
    1; token_classes N arrays (L,); spans (N, 2) first and last unit, counted from 1, 0 where there is no answer; number
    and similarity (N,); quantiles (N, H); anomaly (N,) 1 where it is one; likelihood (N,)
    characters of the text; text N texts.
    ``units``: for each example its L units as (start, end) code-point offsets. ``marks``: for each example the same
    number of such stretches, whose own features are put beside the whole's. ``rows``: the rows they came from.
    """

    inputs: Mapping[str, Sequence[Any]]
    rows: Sequence[Row]
    targets: Any = None
    units: Sequence[Sequence[tuple[int, int]]] | None = None
    marks: Sequence[Sequence[tuple[int, int]]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: Sequence[int]) -> Examples:
        """The examples at the given positions, in that order."""

        def pick(values: Any) -> Any:
            return None if values is None else [values[i] for i in chosen]

        targets = self.targets[list(chosen)] if hasattr(self.targets, "dtype") else pick(self.targets)
        inputs = {role: pick(values) for role, values in self.inputs.items()}
        rows, units, marks = pick(self.rows), pick(self.units), pick(self.marks)
        return replace(self, inputs=inputs, rows=rows, targets=targets, units=units, marks=marks)


@dataclass(frozen=True)
class NoOptions:
    """The options of a task that has none."""


class Task(ABC):
    """One kind of question asked of a model, knowing nothing of bases and methods.

    ``roles``: role -> column kinds it takes, in order; a column is read as the first of them. ``read``: the roles that
    bases read (all, unless a task puts one into another). ``further``: kinds of columns that may be inputs beside the
    roles, each under its own name. ``target_kinds`` may be told of nothing where no target is needed.
    ``default_base``, ``default_method``: what a user who names none is given; the base follows the column's kind else.
    ``inferred``: whether a user who names no task, only columns, may mean it. ``needs_target``: whether there must be
    a target to learn.
    ``Options`` is a frozen dataclass of the settings it reads from ``spec.options``, with their defaults.
    """

    Options: type = NoOptions
    roles: Mapping[str, tuple[str, ...]]
    read: tuple[str, ...] | None = None
    further: tuple[str, ...] = ()
    target_kinds: tuple[str, ...]
    default_base: str | None = None
    default_method: str = "head"
    inferred: bool = True
    needs_target: bool = True

    @abstractmethod
    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        """The spec with inputs, target, labels and metric derived from the data where the user left them open."""

    def arrange(self, spec: TaskSpec, rows: Sequence[Row], splits: Sequence[str]) -> Iterator[tuple[Row, str]]:
        """The dataset's rows as one row an example, each with its split: as they are, or windows of a series.

        A window may reach back into an earlier split for its inputs; its targets lie in one split alone.
        """
        return zip(rows, splits, strict=True)

    def truth(self, spec: TaskSpec, row: Row) -> Any:
        """What an example's row says of the target, ``None`` where it says nothing."""
        return row.get(spec.target or "")

    def learnt(self, spec: TaskSpec, row: Row, truth: Any) -> list[Row]:
        """A judged example as rows of the dataset: the inverse of ``arrange``."""
        return [{**row, spec.target or "": truth}]

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
