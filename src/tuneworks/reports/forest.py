"""The forest plot: every contender's score as a dot on one axis, with its 95 % interval as a bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tuneworks.core.evaluation import Comparison
from tuneworks.core.text import Text
from tuneworks.core.types import Score
from tuneworks.reports.svg import both, drawing, element, line, ticks, words
from tuneworks.reports.text import format_score

WIDTH, LEFT, RIGHT, ROW, TOP, FOOT = 860.0, 230.0, 670.0, 34.0, 8.0, 30.0
BETTER = Text("better", "更好")
WORSE = Text("worse", "更差")
UNDECIDED = Text("no clear difference", "无显著差异")


@dataclass(frozen=True)
class Contender:
    """One row of the plot; ``own`` marks the version the report is about."""

    name: Text
    score: Score
    own: bool = False


def forest_plot(contenders: Sequence[Contender], title: Text) -> Markup:
    """All contenders on one axis that spans their intervals."""
    low, high = min(c.score.low for c in contenders), max(c.score.high for c in contenders)
    margin = (high - low) * 0.06 or 0.05
    ends = low - margin, high + margin
    bottom = TOP + ROW * len(contenders)
    rows = [_row(contender, TOP + ROW * (i + 0.5), ends) for i, contender in enumerate(contenders)]
    return drawing(WIDTH, bottom + FOOT, *_axis(ends, bottom), *rows, name=title)


def verdict(comparison: Comparison) -> Markup:
    """Better, worse or no clear difference, as a coloured word."""
    if comparison.won:
        return element("span", both(BETTER), class_="verdict better")
    lost = comparison.difference.low > 0 if comparison.less_is_better else comparison.difference.high < 0
    if lost:
        return element("span", both(WORSE), class_="verdict worse")
    return element("span", both(UNDECIDED), class_="verdict undecided")


def _axis(ends: tuple[float, float], bottom: float) -> list[Markup]:
    marks = []
    for value in ticks(*ends, 6):
        x = _x(value, ends)
        marks += [
            line(x, TOP, x, bottom, class_="grid"),
            element("text", f"{value:g}", x=x, y=bottom + 17, class_="tick", text_anchor="middle"),
        ]
    return marks


def _row(contender: Contender, y: float, ends: tuple[float, float]) -> Markup:
    score, kind = contender.score, "own" if contender.own else "other"
    low, high, middle = (_x(value, ends) for value in (score.low, score.high, score.value))
    marks = (
        words(contender.name, x=LEFT - 14, y=y + 5, class_=f"name {kind}", text_anchor="end"),
        line(low, y, high, y, class_=f"bar {kind}"),
        line(low, y - 5, low, y + 5, class_=f"cap {kind}"),
        line(high, y - 5, high, y + 5, class_=f"cap {kind}"),
        element("circle", cx=middle, cy=y, r=6.0 if contender.own else 5.0, class_=f"dot {kind}"),
        element("text", format_score(score), x=RIGHT + 14, y=y + 5, class_=f"figure {kind}"),
    )
    return Markup("").join(marks)


def _x(value: float, ends: tuple[float, float]) -> float:
    return LEFT + (value - ends[0]) / (ends[1] - ends[0]) * (RIGHT - LEFT)
