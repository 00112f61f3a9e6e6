"""What an evaluation hands to a report: scores, tables, charts and mistakes, the same for every task.

A task fills these; ``reports`` draws them; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuneworks.core.text import Text
from tuneworks.core.types import Score


@dataclass(frozen=True)
class Table:
    """Rows of cells under column titles; numbers stay numbers (shares 0..1), texts stay texts."""

    name: str
    title: Text
    columns: tuple[Text, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix: ``counts[i][j]`` rows of true label i were answered j."""

    name: str
    title: Text
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Line:
    """One curve of a chart: (x, y) points in drawing order; ``dots`` draws the points alone."""

    name: Text
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """Curves on axes from 0 to 1 (``measured``: as far as the data go); ``diagonal`` draws the line of equal values."""

    name: str
    title: Text
    x: Text
    y: Text
    lines: tuple[Line, ...]
    diagonal: bool = False
    measured: bool = False


@dataclass(frozen=True)
class Mistake:
    """A held-out row answered wrongly, worst first: what was true, and with what confidence or how far off it was."""

    inputs: Mapping[str, Any]
    truth: Any
    answer: Any
    confidence: float | None = None
    error: float | None = None


@dataclass(frozen=True)
class Tally:
    """A metric as row-wise sums, so that every resampling is one matrix product.

    ``sums`` (N, K): what each row adds, as anything that weights (B, N) can be multiplied with from the left (an array,
    a sparse matrix, a ranking); ``finish`` turns the products into B metric values. ``rows``: how many examples stand
    behind the sums, where one sum stands for several that belong together.
    """

    sums: Any
    finish: Callable[[Any], Any]
    less_is_better: bool = False
    rows: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """A model's result on one set of rows; ``metric`` names the score that decides.

    ``less_is_better``: the scores that are better the smaller they are.
    """

    metric: str
    rows: int
    scores: Mapping[str, Score]
    tables: tuple[Table, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    charts: tuple[Chart, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    less_is_better: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A paired difference on the same rows: ``difference`` is challenger minus champion, with its 95 % interval."""

    name: Text
    metric: str
    rows: int
    champion: Score
    challenger: Score
    difference: Score
    probability_better: float = field(default=0.5)
    less_is_better: bool = False

    @property
    def won(self) -> bool:
        """The whole interval of the difference lies on the better side of zero."""
        return self.difference.high < 0 if self.less_is_better else self.difference.low > 0


@dataclass(frozen=True)
class Finding:
    """Something a finder saw in a dataset: how bad, how many rows, which ones (numbers from 0), what to do."""

    finder: str
    severity: str
    problem: Text
    fix: Text
    rows: tuple[int, ...] = ()
    share: float = 0.0
    table: Table | None = None
