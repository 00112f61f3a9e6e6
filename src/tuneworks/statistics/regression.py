"""The evaluation of a model that answers numbers: how far off, how well in step with the truth, where it is worst."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.evaluation import Chart, Evaluation, Line, Mistake, Table, Tally
from tuneworks.core.text import Text, plain
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.intervals import intervals, must_have_rows
from tuneworks.statistics.ranking import ranks as places_of

METRICS = {
    "mae": Text("mean absolute error", "平均绝对误差"),
    "rmse": Text("root mean square error", "均方根误差"),
    "r2": plain("R²"),
    "pearson": Text("Pearson correlation", "Pearson 相关系数"),
    "spearman": Text("Spearman rank correlation", "Spearman 秩相关系数"),
}
LESS_IS_BETTER = ("mae", "rmse")
WORST_MISTAKES = 20
DRAWN_POINTS = 1000
GROUPS = 5
SHARES = (0.5, 0.8, 0.9, 0.95, 1.0)


def evaluate_numbers(
    truth: ndarray, answers: ndarray, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> tuple[Evaluation, dict[str, Tally]]:
    """Scores with intervals, errors by size of truth, a scatter of truth and answer, the worst mistakes; and tallies.

    ``truth`` and ``answers`` (N,); rows whose truth is not a number do not count.
    """
    truth, answers = _checked(truth, answers)
    tallies = number_tallies(truth, answers)
    metric = chosen_metric(spec.metric or "rmse", tallies)
    known = np.isfinite(truth)
    held = truth[known], answers[known]
    evaluation = Evaluation(
        metric=metric,
        rows=int(known.sum()),
        scores=intervals(tallies),
        tables=(errors_by_size(*held), sizes_of_errors(*held)),
        charts=(scatter(*held),),
        mistakes=_mistakes(truth, answers, spec, rows),
        less_is_better=LESS_IS_BETTER,
    )
    return evaluation, tallies


def number_tallies(truth: ndarray, answers: ndarray) -> dict[str, Tally]:
    """``METRICS`` as far as the rows define them: correlations and R² need truths, or answers, that differ.

    The resamples of Spearman's correlation keep the ranks that all rows together have.
    """
    known = np.isfinite(truth)
    error = np.where(known, answers - np.where(known, truth, 0.0), 0.0)
    tallies = {
        "mae": Tally(np.column_stack([known, np.abs(error)]), _mean, less_is_better=True),
        "rmse": Tally(np.column_stack([known, error**2]), _root_mean, less_is_better=True),
    }
    if known.any() and np.ptp(truth[known]) > 0:
        true = _centred(truth, known)
        tallies["r2"] = Tally(np.column_stack([known, error**2, true, true**2]), _determination)
        if np.ptp(answers[known]) > 0:
            tallies["pearson"] = Tally(_products(truth, answers, known), _correlation)
            tallies["spearman"] = Tally(_products(_ranks(truth, known), _ranks(answers, known), known), _correlation)
    return tallies


def chosen_metric(metric: str, known: Mapping[str, Any]) -> str:
    """The metric, if the rows define it; else an error that names the nearest."""
    if metric in known:
        return metric
    if metric in METRICS:
        raise UnsuitableData(
            Text(f"The metric {metric} is not defined on these rows.", f"这些行上无法计算指标 {metric}。"),
            Text("Give held-out rows whose target differs.", "请提供目标值不全相同的留出数据。"),
        )
    raise _no_metric(metric)


def must_be_metric(metric: str) -> str:
    """The metric, if there is one of that name; else ``InvalidConfig`` names the nearest."""
    if metric not in METRICS:
        raise _no_metric(metric)
    return metric


def errors_by_size(truth: ndarray, answers: ndarray) -> Table:
    """Rows in fifths by their true value: how far off the answers are in each, and to which side."""
    parts = [part for part in np.array_split(np.argsort(truth, kind="stable"), GROUPS) if len(part)]
    rows = tuple(_group(truth[part], answers[part]) for part in parts)
    columns = (
        Text("true value", "真实值"),
        Text("rows", "行数"),
        Text("mean true", "真实均值"),
        Text("mean answered", "回答均值"),
        Text("mean absolute error", "平均绝对误差"),
        Text("answers are too high by", "回答平均偏高"),
    )
    return Table("errors_by_size", Text("Errors by true value", "按真实值划分的误差"), columns, rows)


def sizes_of_errors(truth: ndarray, answers: ndarray) -> Table:
    """How far off the answers of 50, 80, 90, 95 and 100 % of the rows are at most."""
    reached = np.quantile(np.abs(answers - truth), SHARES)
    rows = tuple((f"{share:.0%}", float(size)) for share, size in zip(SHARES, reached, strict=True))
    columns = (Text("share of rows", "行数占比"), Text("off by at most", "误差不超过"))
    return Table("sizes_of_errors", Text("Sizes of errors", "误差大小"), columns, rows)


def scatter(truth: ndarray, answers: ndarray) -> Chart:
    """Truth and answer of at most ``DRAWN_POINTS`` rows, taken evenly."""
    shown = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), DRAWN_POINTS)).astype(int))
    points = tuple(truth[shown].tolist()), tuple(answers[shown].tolist())
    return Chart(
        "true_and_answered",
        Text("True and answered", "真实值与回答"),
        Text("true", "真实值"),
        Text("answered", "模型回答"),
        (Line(Text("held-out rows", "留出数据"), *points, dots=True),),
        diagonal=True,
        measured=True,
    )


def _group(truth: ndarray, answers: ndarray) -> tuple[Any, ...]:
    error = answers - truth
    return (
        f"{truth[0]:.4g} … {truth[-1]:.4g}",
        len(truth),
        float(truth.mean()),
        float(answers.mean()),
        float(np.abs(error).mean()),
        float(error.mean()),
    )


def _mistakes(
    truth: ndarray, answers: ndarray, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> tuple[Mistake, ...]:
    """The rows answered furthest off."""
    off = np.abs(np.where(np.isfinite(truth), answers - truth, 0.0))
    worst = [i for i in np.argsort(-off, kind="stable")[:WORST_MISTAKES].tolist() if off[i] > 0]
    return tuple(
        Mistake(
            {column: rows[i].get(column) for column in spec.inputs.values()},
            float(truth[i]),
            float(answers[i]),
            error=float(off[i]),
        )
        for i in worst
    )


def _checked(truth: ndarray, answers: ndarray) -> tuple[ndarray, ndarray]:
    truth, answers = np.asarray(truth, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    must_have_rows(int(np.isfinite(truth).sum()))
    if answers.shape != truth.shape or not np.isfinite(answers).all():
        raise InvalidInput(
            Text(
                f"The model's answers are not {len(truth)} finite numbers; their shape is {answers.shape}.",
                f"模型的回答应为 {len(truth)} 个有限数值，实际形状为 {answers.shape}。",
            ),
            Text("Tune again with a smaller learning rate.", "请用更小的学习率重新微调。"),
        )
    return truth, answers


def _no_metric(metric: str) -> InvalidConfig:
    near = difflib.get_close_matches(metric, METRICS, n=1)
    return InvalidConfig(
        Text(f"There is no metric {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
        Text(f"Choose: {', '.join(near or METRICS)}.", f"可选指标：{'、'.join(near or METRICS)}。"),
    )


def _centred(values: ndarray, known: ndarray) -> ndarray:
    """Values about their mean, 0 where unknown: sums of squares then lose no digits."""
    return np.where(known, values - values[known].mean(), 0.0)


def _ranks(values: ndarray, known: ndarray) -> ndarray:
    ranks = np.zeros(len(values))
    ranks[known] = np.mean(places_of(values[known]), axis=0)
    return ranks


def _products(first: ndarray, second: ndarray, known: ndarray) -> ndarray:
    """What each row adds to a correlation (N, 6)."""
    x, y = _scaled(_centred(first, known)), _scaled(_centred(second, known))
    return np.column_stack([known, x, y, x**2, y**2, x * y])


def _scaled(values: ndarray) -> ndarray:
    return values / np.abs(values).max()


def _mean(totals: ndarray) -> ndarray:
    return _ratio(totals[:, 1], totals[:, 0])


def _root_mean(totals: ndarray) -> ndarray:
    return np.sqrt(_mean(totals))


def _determination(totals: ndarray) -> ndarray:
    rows, squared_error, true, square = np.asarray(totals, dtype=np.float64).T
    return 1 - _ratio(squared_error, square - _ratio(true**2, rows))


def _correlation(totals: ndarray) -> ndarray:
    rows, x, y, xx, yy, xy = np.asarray(totals, dtype=np.float64).T
    spread = (xx - _ratio(x**2, rows)) * (yy - _ratio(y**2, rows))
    return _ratio(xy - _ratio(x * y, rows), np.sqrt(np.maximum(spread, 0.0)))


def _ratio(above: ndarray, below: ndarray) -> ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) > 0)
