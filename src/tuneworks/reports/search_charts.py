"""The pictures of a search as SVG: how trials learnt, and what each value of a setting came to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from markupsafe import Markup, escape

from tuneworks.core.spaces import Between, Space
from tuneworks.core.text import Text
from tuneworks.core.trials import Trial
from tuneworks.reports.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Frame, axis_names, grid, reach
from tuneworks.reports.names import setting_name
from tuneworks.reports.svg import both, drawing, element, line, shortened, ticks

BEST, WHOLE, GIVEN_UP = "#c2500a", "#0b6e75", "#9aa7b2"
VALIDATION = Text("on validation rows", "验证集上的表现")
SHARE = Text("share of the training", "训练进度")
TRIAL = Text("trial", "试验")
COURSE = Text("The course of the search", "搜索过程")
LEARNING = Text("How trials learnt", "各试验的学习曲线")


def course_chart(trials: Sequence[Trial], best: Trial) -> Markup:
    """Each trial's last measure in the order they were tried, and the best of those that came to their end so far."""
    shown = [trial for trial in trials if trial.points]
    frame = Frame(0, len(trials) + 1, *reach([trial.score or 0.0 for trial in shown]))
    whole = [trial for trial in shown if trial.outcome == "measured"]
    levels = accumulate((trial.score or 0.0 for trial in whole), max)
    steps = [(frame.x(trial.number + 1), frame.y(level)) for trial, level in zip(whole, levels, strict=True)]
    dots = [_dot(frame.x(trial.number + 1), frame.y(trial.score or 0.0), trial, best) for trial in shown]
    marks = [*grid(frame), *axis_names((TRIAL, VALIDATION)), _path(steps, WHOLE, 1.2), *dots]
    picture = drawing(WIDTH, HEIGHT, *marks, name=COURSE)
    return element("figure", element("figcaption", both(COURSE)), picture)


def learning_curves(trials: Sequence[Trial], best: Trial) -> Markup:
    """What each trial measured on its way: those given up end early."""
    shown = sorted((trial for trial in trials if trial.points), key=lambda trial: trial.rank)
    frame = Frame(0, 1, *reach([point.validation for trial in shown for point in trial.points]))
    curves = [mark for trial in shown for mark in _curve(frame, trial, best)]
    picture = drawing(WIDTH, HEIGHT, *grid(frame), *axis_names((SHARE, VALIDATION)), *curves, name=LEARNING)
    return element("figure", element("figcaption", both(LEARNING)), picture)


def slice_chart(setting: str, space: Space, trials: Sequence[Trial], best: Trial) -> Markup:
    """Each trial's value of one setting and what it measured last."""
    shown = sorted((trial for trial in trials if trial.points), key=lambda trial: trial.rank)
    places = [_place(space, trial.values[setting]) for trial in shown]
    low, high = (_place(space, end) for end in (space.ends[0], space.ends[-1]))
    frame = Frame(*reach([low, high, *places]), *reach([trial.score or 0.0 for trial in shown]))
    dots = [
        _dot(frame.x(place), frame.y(trial.score or 0.0), trial, best)
        for place, trial in zip(places, shown, strict=True)
    ]
    name = setting_name(setting)
    across = [mark for place, label in _marks(space) for mark in _mark(frame, place, label)]
    names = axis_names((name, VALIDATION))
    picture = drawing(WIDTH, HEIGHT, *_levels(frame), *across, *names, *dots, name=name)
    return element("figure", element("figcaption", both(name)), picture)


def _place(space: Space, value: Any) -> float:
    """Where a value lies on the axis: by its order of magnitude, its size, or its turn."""
    if isinstance(space, Between):
        return math.log10(value) if space.log else float(value)
    return float(space.values.index(value))


def _marks(space: Space) -> list[tuple[float, str]]:
    """Places on the axis that say what lies there."""
    if not isinstance(space, Between):
        return [(float(i), shortened(str(value), 14)) for i, value in enumerate(space.values)]
    if not space.log:
        return [(value, f"{value:g}") for value in ticks(space.low, space.high, 5)]
    powers = range(math.floor(math.log10(space.low)), math.ceil(math.log10(space.high)) + 1)
    round_ones = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    inside = [value for value in round_ones if space.low <= value <= space.high]
    return [(math.log10(value), f"{value:g}") for value in (inside if len(inside) < 7 else inside[::3])]


def _mark(frame: Frame, place: float, label: str) -> list[Markup]:
    x = frame.x(place)
    text = element("text", label, x=x, y=HEIGHT - BOTTOM + 15, class_="tick", text_anchor="middle")
    return [line(x, TOP, x, HEIGHT - BOTTOM, class_="grid"), text]


def _levels(frame: Frame) -> list[Markup]:
    marks = []
    for value in ticks(frame.low_y, frame.high_y, 5):
        y = frame.y(value)
        label = element("text", f"{value:g}", x=LEFT - 6, y=y + 4, class_="tick", text_anchor="end")
        marks += [line(LEFT, y, WIDTH - RIGHT, y, class_="grid"), label]
    return marks


def _curve(frame: Frame, trial: Trial, best: Trial) -> list[Markup]:
    points = [(frame.x(point.share), frame.y(point.validation)) for point in trial.points]
    path = _path(points, _colour(trial, best), 2.5 if trial.number == best.number else 1.2)
    return [path, _dot(*points[-1], trial, best)]


def _path(points: Sequence[tuple[float, float]], colour: str, width: float) -> Markup:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("polyline", points=places, class_="curve", stroke=colour, stroke_width=width, fill="none")


def _dot(x: float, y: float, trial: Trial, best: Trial) -> Markup:
    hint = element("title", escape(f"{trial.number + 1}: {trial.score:.4f}"))
    radius = 5 if trial.number == best.number else 3
    return element("circle", hint, cx=round(x, 1), cy=round(y, 1), r=radius, fill=_colour(trial, best))


def _colour(trial: Trial, best: Trial) -> str:
    if trial.number == best.number:
        return BEST
    return WHOLE if trial.outcome == "measured" else GIVEN_UP
