"""How alike two inputs are: what the target says on a scale or as yes or no, and how well scores from 0 to 1 say it.

A spec with labels asks yes or no: of the two labels one means "the same". Without labels the target is a number on the
scale ``low`` to ``high`` of the options.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy import ndarray

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics import classification, regression, values
from tuneworks.statistics.counts import class_f1
from tuneworks.statistics.intervals import intervals

YES_OR_NO = {
    "accuracy": classification.METRICS["accuracy"],
    "f1": Text("F1 of the same", "“相同”类的 F1"),
    "roc_auc": classification.METRICS["roc_auc"],
    "average_precision": classification.METRICS["average_precision"],
}
ON_A_SCALE = {name: regression.METRICS[name] for name in ("pearson", "spearman", "mae", "rmse", "r2")}
METRICS = YES_OR_NO | ON_A_SCALE
SAID_BESIDE = tuple(classification.LOSSES)
SAME = ("1", "true", "yes", "y", "same", "similar", "duplicate", "是", "相同", "同", "一致", "相似")
DIFFERENT = ("0", "false", "no", "n", "different", "否", "不是", "不同", "不一致", "不相似")
HALF = 0.5


def same_among(labels: Sequence[str]) -> str:
    """The label that means "the same": by its word, else the later one.

    >>> same_among(("相同", "不同")), same_among(("0", "1")), same_among(("a", "b"))
    ('相同', '1', 'b')
    """
    return next((label for label in labels if label.casefold() in SAME), labels[-1])


def sides(spec: TaskSpec) -> tuple[str, str]:
    """The labels that mean "different" and "the same"."""
    same = str(spec.options.get("same") or same_among(spec.labels))
    return next((label for label in spec.labels if label != same), "-"), same


def is_same(value: Any, spec: TaskSpec) -> bool | None:
    """What a yes or no says: a truth value, one of the labels, or a common word for either; ``None``: neither."""
    if isinstance(value, bool):
        return value
    name, labels = values.label(value), sides(spec)
    if name in labels:
        return name == labels[1]
    word = name.casefold()
    return True if word in SAME else False if word in DIFFERENT else None


def scale_of(spec: TaskSpec) -> tuple[float, float]:
    """The lowest and the highest value of the target."""
    return float(spec.options["low"]), float(spec.options["high"])


def share_of(value: Any, spec: TaskSpec) -> float:
    """Where a target lies between 0 and 1, "different" and "the same"; not a number where it says neither."""
    if spec.labels:
        name = values.label(value)
        return float(name == sides(spec)[1]) if name in spec.labels else np.nan
    number, (low, high) = values.number(value), scale_of(spec)
    return np.nan if number is None else float(np.clip((number - low) / (high - low), 0.0, 1.0))


def on_scale(shares: ndarray, spec: TaskSpec) -> ndarray:
    """Shares from 0 to 1 in the target's own unit; as they are where it is yes or no."""
    if spec.labels:
        return shares
    low, high = scale_of(spec)
    return low + shares * (high - low)


def similarity_tallies(targets: ndarray, scores: ndarray, spec: TaskSpec) -> dict[str, Tally]:
    """The metrics of scores (N,) from 0 to 1 against targets (N,): those of yes or no, or those of a scale.

    A correlation that the rows do not define is no correlation: 0.
    """
    targets, scores = np.asarray(targets, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if spec.labels:
        return _class_tallies(_classes(targets), _both(scores))
    measured = regression.number_tallies(on_scale(targets, spec), on_scale(scores, spec))
    return {name: measured.get(name) or _none(len(targets)) for name in ON_A_SCALE}


def evaluate_similarity(
    targets: ndarray, scores: ndarray, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> Evaluation:
    """The whole evaluation: that of two classes, or that of numbers on the target's scale."""
    tallies = similarity_tallies(targets, scores, spec)
    if spec.labels:
        plain = replace(spec, labels=sides(spec), metric="accuracy")
        made, _ = classification.evaluate_classes(_classes(targets), _both(scores), spec=plain, rows=rows)
    else:
        plain = replace(spec, metric="mae")
        made, _ = regression.evaluate_numbers(on_scale(targets, spec), on_scale(scores, spec), spec=plain, rows=rows)
    measured = dict(made.scores) | intervals(
        {name: tally for name, tally in tallies.items() if name not in made.scores}
    )
    decisive = spec.metric or next(iter(tallies))
    ordered = {name: measured[name] for name in dict.fromkeys((decisive, *tallies, *SAID_BESIDE)) if name in measured}
    return replace(made, metric=decisive, scores=ordered)


def must_be_metric(metric: str, known: Mapping[str, Text]) -> str:
    """The metric, if it is one of those that suit the target; else ``InvalidConfig`` names what does."""
    if metric in known:
        return metric
    near = difflib.get_close_matches(metric, known, n=1) or known
    raise InvalidConfig(
        Text(f"There is no metric {metric!r} for such a target.", f"这种目标没有名为 {metric!r} 的指标。"),
        Text(f"Choose: {', '.join(near)}.", f"可选指标：{'、'.join(near)}。"),
    )


def _class_tallies(truth: ndarray, scores: ndarray) -> dict[str, Tally]:
    made = classification.class_tallies(truth, scores)
    f1 = Tally(made["accuracy"].sums, lambda totals: np.nan_to_num(class_f1(totals)[:, 1]))
    known = made | {"f1": f1}
    return {name: known[name] for name in YES_OR_NO if name in known}


def _classes(targets: ndarray) -> ndarray:
    """Targets as class numbers: 1 the same, 0 different, -1 unknown."""
    targets = np.asarray(targets, dtype=np.float64)
    return np.where(np.isfinite(targets), targets > HALF, -1).astype(np.int64)


def _both(scores: ndarray) -> ndarray:
    """Probabilities of "different" and "the same" (N, 2)."""
    same = np.clip(np.asarray(scores, dtype=np.float64), 0.0, 1.0)
    return np.column_stack([1 - same, same])


def _none(rows: int) -> Tally:
    return Tally(np.ones((rows, 1)), lambda totals: np.zeros(len(totals)))
