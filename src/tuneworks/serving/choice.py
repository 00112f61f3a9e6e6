"""Which runtime serves a version: each way of compiling it is held against the version as it was tuned, then timed.

A way that answers other than the tuned model, past the tolerance, is not taken however fast it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from tuneworks.core import registry
from tuneworks.core.answers import Answer
from tuneworks.core.asking import Row
from tuneworks.core.contracts import Model, Runtime
from tuneworks.core.errors import MissingExtra
from tuneworks.core.records import to_plain
from tuneworks.core.working import working_folder
from tuneworks.serving.engine import LoadedModel
from tuneworks.serving.loaded import open_model, runtimes_asked
from tuneworks.serving.seal import GOLDEN, golden, golden_rows
from tuneworks.statistics.shapes.shape import shape_of

AGREEMENT = 0.98  # the share of rows that must be answered alike
DIFFERENCE = 0.02  # how far scores may be apart, relative to their scale, on average over rows
GAIN = 1.1  # how many times as fast as the version's own runtime is worth being another
ROWS_AT_ONCE = 32
MOST_SECONDS = 5.0  # of the tuned model's answers; the rows that come after are not compared
TIMED_ROWS, WARMING_ROWS = 20, 3


@dataclass(frozen=True)
class Way:
    """A runtime and the form it compiles to, with the files; no form and no files: the version as it was tuned."""

    runtime: str
    form: str = ""
    files: Mapping[str, bytes] | None = None


@dataclass(frozen=True)
class Measured:
    """How a way compares with the version as it was tuned, and how fast it is.

    ``agreement``: the share of ``rows`` with the same answer; ``difference``: how far scores are apart on average, and
    ``largest`` at most; ``milliseconds``: the median of rows that are asked alone; ``rows_a_second``: together.
    """

    runtime: str
    form: str
    rows: int
    agreement: float
    difference: float
    largest: float
    milliseconds: float
    rows_a_second: float

    @property
    def is_faithful(self) -> bool:
        """Whether it is within the tolerance."""
        return self.agreement >= AGREEMENT and self.difference <= DIFFERENCE

    @property
    def fidelity(self) -> dict[str, float]:
        """What is kept of it with a deployment."""
        return {"rows": self.rows, "agreement": self.agreement, "difference": self.difference}


@dataclass(frozen=True)
class Choice:
    """All ways that were measured, the tuned one first, and the one that was taken with its files."""

    measured: tuple[Measured, ...]
    taken: Measured
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class _Told:
    """What was answered, and the seconds it took."""

    scores: Sequence[Any]
    answers: Sequence[Answer]
    seconds: float


def ways(model: Model, runtime: str | None = None) -> Iterator[Way]:
    """Every way of compiling a model that this box has what it takes for, of one runtime where it is named."""
    for name in registry.names("runtimes") if runtime is None else [runtime]:
        try:
            loaded: Runtime = registry.load("runtimes", name)()
        except MissingExtra:
            continue
        for form in loaded.forms:
            others = [use for use, base in model.bases if form not in base.forms]
            if runtimes_asked(others) <= set(loaded.runs) and (files := loaded.compile(model, form)):
                yield Way(name, form, files)


def choose(
    tuned: LoadedModel, found: Sequence[Way], *, own: str, rows: Sequence[Row], asked: bool, within: Path
) -> Choice:
    """The fastest faithful way, timed on rows of which no truth is looked at.

    ``own``: the runtime of the version as it was tuned, which stays unless another is worth it or ``asked`` for.
    ``within``: where the files that are tried lie meanwhile.
    """
    first, told = _own(tuned, own, rows)
    rows = rows[: first.rows]
    made = [(_measured(tuned, way, rows, told, within), way.files or {}) for way in found]
    able = [pair for pair in made if pair[0].is_faithful]
    taken, files = min(able, key=lambda pair: pair[0].milliseconds, default=(first, {}))
    if not asked and taken.milliseconds * GAIN > first.milliseconds:
        taken, files = first, {}
    if files:
        way = Way(taken.runtime, taken.form, files)
        files = {**files, GOLDEN: _opened(tuned, way, _golden, within)}
    return Choice((first, *(measured for measured, _ in made)), taken, files)


def said(answer: Answer) -> Any:
    """An answer without how probable it is, and without numbers that are measured rather than counted."""
    return _without_floats(to_plain(answer))


def _own(tuned: LoadedModel, name: str, rows: Sequence[Row]) -> tuple[Measured, _Told]:
    alone, told = _alone(tuned, rows), _ask(tuned, rows, MOST_SECONDS)
    count = len(told.answers)
    return Measured(name, "", count, 1.0, 0.0, 0.0, alone, _pace(count, told.seconds)), told


def _measured(tuned: LoadedModel, way: Way, rows: Sequence[Row], then: _Told, within: Path) -> Measured:
    def measure(opened: LoadedModel) -> Measured:
        alone = _alone(opened, rows)
        now = _ask(opened, rows)
        shape = shape_of(opened.model.output.kind)
        apart = [shape.apart(one, other) for one, other in zip(then.scores, now.scores, strict=True)]
        same = [said(one) == said(other) for one, other in zip(then.answers, now.answers, strict=True)]
        agreement, difference, largest = (float(one) for one in (numpy.mean(same), numpy.mean(apart), max(apart)))
        pace = _pace(len(rows), now.seconds)
        return Measured(way.runtime, way.form, len(rows), agreement, difference, largest, alone, pace)

    made: Measured = _opened(tuned, way, measure, within)
    return made


def _opened(tuned: LoadedModel, way: Way, use: Callable[[LoadedModel], Any], within: Path) -> Any:
    """What comes of using a way, whose files lie in a folder of their own meanwhile."""
    with working_folder(within) as place:
        files = {}
        for name, data in (way.files or {}).items():
            files[name] = place / name
            files[name].parent.mkdir(parents=True, exist_ok=True)
            files[name].write_bytes(data)
        runtime = registry.load("runtimes", way.runtime)()
        model = open_model(tuned.model.folder, files)
        return use(LoadedModel(tuned.version, model, tuned.task, runtime, tuned.turn, 0))


def _golden(opened: LoadedModel) -> bytes:
    """The version's golden rows with the scores that a way gives them."""
    rows = golden_rows(opened.model)
    return golden(rows, _ask(opened, rows).scores, opened.model.spec)


def _ask(loaded: LoadedModel, rows: Sequence[Row], most_seconds: float = float("inf")) -> _Told:
    scores: list[Any] = []
    answers: list[Answer] = []
    began = time.perf_counter()
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        some_scores, some_answers = loaded.run(rows[begin : begin + ROWS_AT_ONCE])
        scores += some_scores
        answers += some_answers
        if time.perf_counter() - began > most_seconds:
            break
    return _Told(scores, answers, time.perf_counter() - began)


def _alone(loaded: LoadedModel, rows: Sequence[Row]) -> float:
    """The median milliseconds of rows that are asked one by one."""
    taken = []
    for row in (*rows[:WARMING_ROWS], *rows[:TIMED_ROWS]):
        began = time.perf_counter()
        loaded.run([row])
        taken.append(time.perf_counter() - began)
    return float(numpy.median(taken[WARMING_ROWS:] or taken)) * 1000


def _pace(rows: int, seconds: float) -> float:
    return rows / max(seconds, 1e-9)


def _without_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_floats(one) for key, one in value.items() if not isinstance(one, float)}
    if isinstance(value, (list, tuple)):
        return [_without_floats(one) for one in value if not isinstance(one, float)]
    return value
