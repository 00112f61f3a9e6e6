"""The charts of a report as SVG: curves between 0 and 1, training curves, confusion matrices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from tuneworks.core.evaluation import Chart, Line, Matrix
from tuneworks.core.text import Text, plain
from tuneworks.reports.names import series_name
from tuneworks.reports.svg import both, drawing, element, line, shortened, ticks, words

COLOURS = ("#0b6e75", "#c2500a", "#3b5bb5", "#a8437f", "#8a6d00", "#2f8fbf", "#3f8f4f")
DASHES = ("", "6 3", "2 2", "8 3 2 3", "4 4", "1 3", "10 4")
WIDTH, HEIGHT = 340.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 10.0, 10.0, 40.0
STEP = Text("step", "步数")


@dataclass(frozen=True)
class Frame:
    """A chart's ranges, and where they lie in the picture."""

    low_x: float
    high_x: float
    low_y: float
    high_y: float

    def x(self, value: float) -> float:
        share = (value - self.low_x) / ((self.high_x - self.low_x) or 1.0)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low_y) / ((self.high_y - self.low_y) or 1.0)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def curve_chart(chart: Chart) -> Markup:
    """Curves on axes from 0 to 1 or as far as the data go, with the diagonal where the chart wants it, and a legend."""
    frame = _measured(chart) if chart.measured else Frame(0, 1, 0, 1)
    low, high = max(frame.low_x, frame.low_y), min(frame.high_x, frame.high_y)
    equal = [line(frame.x(low), frame.y(low), frame.x(high), frame.y(high), class_="chance")] if low < high else []
    dots = chart.name == "reliability"
    return _figure(frame, chart.title, (chart.x, chart.y), chart.lines, equal if chart.diagonal else [], dots=dots)


def training_charts(history: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """One chart for all losses, one for every other value that was told more than once, over the training steps."""
    told = Counter(name for moment in history for name in moment.get("values", {}))
    names = [name for name, times in told.items() if times > 1]
    losses = [name for name in names if "loss" in name]
    groups = ([losses] if losses else []) + [[name] for name in names if name not in losses]
    return [_training_chart(history, group) for group in groups]


def heat_map(matrix: Matrix) -> Markup:
    """The confusion matrix: shade by the share of the true class, with the counts."""
    cell, size = 34.0, len(matrix.labels)
    side = 14.0 + 7.0 * max(10, *(min(24, _width(label)) for label in matrix.labels))
    top = side * 0.72
    cells = [_cell(matrix, i, j, (side + j * cell, top + i * cell, cell)) for i in range(size) for j in range(size)]
    names = [
        mark for i, label in enumerate(matrix.labels) for mark in _matrix_labels(label, side, top, (i + 0.5) * cell)
    ]
    right, bottom = side + size * cell, top + size * cell
    axes = (
        words(Text("answered →", "模型回答 →"), x=side - 8, y=14, class_="axis", text_anchor="end"),
        words(Text("↓ true", "↓ 真实"), x=side - 8, y=top - 8, class_="axis", text_anchor="end"),
    )
    picture = drawing(right + top * 0.8, bottom + 4, *axes, *names, *cells, name=matrix.title)
    return element("div", picture, class_="matrix", style=f"max-width:{int(right + top * 0.8)}px")


def _measured(chart: Chart) -> Frame:
    """The ranges of the data with a margin; one range for both axes where equal values are to be seen."""
    xs, ys = [x for ln in chart.lines for x in ln.xs] or [0.0], [y for ln in chart.lines for y in ln.ys] or [0.0]
    if chart.diagonal:
        xs = ys = xs + ys
    return Frame(*reach(xs), *reach(ys))


def reach(values: Sequence[float]) -> tuple[float, float]:
    """The range of some values with a margin."""
    margin = (max(values) - min(values)) * 0.05 or abs(max(values)) * 0.05 or 0.5
    return min(values) - margin, max(values) + margin


def _training_chart(history: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Markup:
    lines = [
        Line(series_name(name), tuple(float(m["step"]) for m in held), tuple(float(m["values"][name]) for m in held))
        for name in names
        if (held := [m for m in history if name in m.get("values", {}) and m.get("step") is not None])
    ]
    xs, ys = [x for ln in lines for x in ln.xs] or [0.0], [y for ln in lines for y in ln.ys] or [0.0]
    frame = Frame(min(0.0, *xs), max(xs) if max(xs) > min(0.0, *xs) else 1.0, *reach(ys))
    title = series_name(names[0]) if len(names) == 1 else Text("Loss", "损失")
    return _figure(frame, title, (STEP, plain("")), lines, [], dots=max(len(ln.xs) for ln in lines) <= 12)


def _figure(
    frame: Frame, title: Text, axes: tuple[Text, Text], lines: Sequence[Line], under: list[Markup], *, dots: bool
) -> Markup:
    curves = [mark for i, curve in enumerate(lines) for mark in _curve(frame, curve, i, dots)]
    picture = drawing(WIDTH, HEIGHT, *grid(frame), *axis_names(axes), *under, *curves, name=title)
    legend = [_legend(curve.name, i) for i, curve in enumerate(lines)] if len(lines) > 1 else []
    caption = element("figcaption", both(title))
    return element("figure", caption, picture, *([element("ul", *legend, class_="legend")] if legend else []))


def grid(frame: Frame) -> list[Markup]:
    """Lines and numbers at round values of both axes."""
    marks = []
    for value in ticks(frame.low_y, frame.high_y, 5):
        y = frame.y(value)
        marks += [
            line(LEFT, y, WIDTH - RIGHT, y, class_="grid"),
            element("text", f"{value:g}", x=LEFT - 6, y=y + 4, class_="tick", text_anchor="end"),
        ]
    for value in ticks(frame.low_x, frame.high_x, 5):
        x = frame.x(value)
        marks += [
            line(x, TOP, x, HEIGHT - BOTTOM, class_="grid"),
            element("text", f"{value:g}", x=x, y=HEIGHT - BOTTOM + 15, class_="tick", text_anchor="middle"),
        ]
    return marks


def axis_names(axes: tuple[Text, Text]) -> list[Markup]:
    """What the axes say, below and at the left."""
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return [
        words(axes[0], x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, class_="axis", text_anchor="middle"),
        words(axes[1], x=12, y=middle, class_="axis", text_anchor="middle", transform=f"rotate(-90 12 {middle:g})"),
    ]


def _curve(frame: Frame, curve: Line, number: int, dots: bool) -> list[Markup]:
    points = [(frame.x(x), frame.y(y)) for x, y in zip(curve.xs, curve.ys, strict=True)]
    if curve.dots:
        return [_dot(x, y, number, 2, fill_opacity=0.5) for x, y in points]
    path = element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), class_="curve", **_pen(number))
    return [path, *([_dot(x, y, number, 3) for x, y in points] if dots else [])]


def _dot(x: float, y: float, number: int, radius: int, **look: Any) -> Markup:
    return element("circle", cx=round(x, 1), cy=round(y, 1), r=radius, fill=COLOURS[number % len(COLOURS)], **look)


def _legend(name: Text, number: int) -> Markup:
    swatch = element("svg", line(0, 5, 24, 5, **_pen(number)), viewBox="0 0 24 10", aria_hidden="true")
    return element("li", swatch, both(name))


def _pen(number: int) -> dict[str, Any]:
    pen = {"stroke": COLOURS[number % len(COLOURS)], "stroke_width": 2, "fill": "none"}
    dash = DASHES[number % len(DASHES)]
    return pen | ({"stroke_dasharray": dash} if dash else {})


def _cell(matrix: Matrix, i: int, j: int, place: tuple[float, float, float]) -> Markup:
    x, y, size = place
    count, total = matrix.counts[i][j], sum(matrix.counts[i]) or 1
    share = count / total
    fill = "#0b6e75" if i == j else "#b5371f"
    hint = element("title", escape(f"{matrix.labels[i]} → {matrix.labels[j]}: {count} ({share:.0%})"))
    box = element("rect", hint, x=x, y=y, width=size - 2, height=size - 2, rx=3, fill=fill, fill_opacity=_shade(share))
    if not count:
        return box
    tone = "on-dark" if share > 0.45 else "on-light"
    number = str(count) if count < 10_000 else f"{count / 1000:.0f}k"
    middle = x + (size - 2) / 2
    return box + element("text", number, x=middle, y=y + size / 2 + 3, class_=f"count {tone}", text_anchor="middle")


def _shade(share: float) -> float:
    return 0.05 + 0.9 * share**0.6 if share else 0.04


def _matrix_labels(label: str, side: float, top: float, middle: float) -> tuple[Markup, Markup]:
    short, hint = shortened(label, 24), element("title", escape(label))
    x, y = side + middle, top - 6
    return (
        element("text", short, hint, x=side - 8, y=top + middle + 3, class_="label", text_anchor="end"),
        element("text", short, hint, x=x, y=y, class_="label", transform=f"rotate(-40 {x:g} {y:g})"),
    )


def _width(label: str) -> int:
    return sum(2 if ord(character) > 0x2E7F else 1 for character in label)
