"""The evaluation of an anomaly detector: how well scores rank, and what the threshold does.

Scores are distances from the known good in units of the threshold: past 1 is an alarm. Without anomalies among the
rows only the false alarms can be counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from tuneworks.core.errors import InvalidInput
from tuneworks.core.evaluation import Evaluation, Matrix, Mistake, Table, Tally
from tuneworks.core.text import Text, plain
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.classification import chosen_metric
from tuneworks.statistics.curves import precision_recall_chart, roc_chart
from tuneworks.statistics.intervals import intervals
from tuneworks.statistics.ranking import Ranking, areas, average_precisions

THRESHOLD = 1.0
METRICS = {
    "roc_auc": plain("ROC AUC"),
    "average_precision": Text("average precision", "平均精确率"),
    "f1": Text("F1 at the threshold", "阈值处 F1"),
    "false_alarms": Text("false alarms among the good", "正常样本误报率"),
    "missed": Text("missed anomalies", "异常漏报率"),
}
LESS_IS_BETTER = ("false_alarms", "missed")
NORMAL_WORDS = ("good", "normal", "ok", "okay", "pass", "passed", "healthy", "正常", "合格", "良好", "良品")
NORMAL_ANSWERS = ("no", "none", "false", "0", "-", "无", "否", "好")
NORMAL, ANOMALY = Text("normal", "正常"), Text("anomaly", "异常")
WORST_MISTAKES = 20


def normal_label(counts: Mapping[str, int], names: Sequence[str] = (*NORMAL_WORDS, *NORMAL_ANSWERS)) -> str | None:
    """The label that says an input is as it should be, by what such labels are usually called.

    >>> normal_label({"scratch": 3, "Good": 20}), normal_label({"a": 1, "b": 2})
    ('Good', None)
    """
    called = {label.strip().casefold(): label for label in counts}
    return next((called[name] for name in names if name in called), None)


def anomaly_tallies(truth: ndarray, scores: ndarray) -> dict[str, Tally]:
    """The metrics the rows define, as row-wise sums; ``truth`` (N,) 1 an anomaly, ``scores`` (N,)."""
    truth, alarm = np.asarray(truth) > 0, np.asarray(scores) > THRESHOLD
    sums = np.column_stack([truth & alarm, ~truth & alarm, truth & ~alarm, ~truth & ~alarm]).astype(np.float64)
    made: dict[str, Tally] = {}
    if truth.any() and not truth.all():
        two = np.column_stack([-np.asarray(scores, dtype=np.float64), np.asarray(scores, dtype=np.float64)])
        ranking = Ranking(truth.astype(np.int64), two, [1])
        made |= {"roc_auc": Tally(ranking, areas), "average_precision": Tally(ranking, average_precisions)}
    if truth.any():
        made["f1"] = Tally(sums, lambda t: _share(2 * t[:, 0], 2 * t[:, 0] + t[:, 1] + t[:, 2]))
        made["missed"] = Tally(sums, lambda t: _share(t[:, 2], t[:, 0] + t[:, 2]), less_is_better=True)
    if not truth.all():
        made["false_alarms"] = Tally(sums, lambda t: _share(t[:, 1], t[:, 1] + t[:, 3]), less_is_better=True)
    return made


def evaluate_anomalies(
    truth: ndarray, scores: ndarray, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> Evaluation:
    """Scores with intervals, what each label's rows came to, curves and worst mistakes."""
    truth, scores = np.asarray(truth, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    if scores.shape != truth.shape or not np.isfinite(scores).all():
        raise InvalidInput(
            Text(
                f"The scores are not finite numbers of shape {truth.shape}; their shape is {scores.shape}.",
                f"分数应为形状 {truth.shape} 的有限数值，实际形状为 {scores.shape}。",
            ),
            Text(
                "Check the inputs for values beyond all measure, then tune again.", "请检查输入中的极端值后重新微调。"
            ),
        )
    tallies = anomaly_tallies(truth, scores)
    two = np.column_stack([-scores, scores])
    names = (NORMAL.en, ANOMALY.en)
    charts = roc_chart(truth, two, names), precision_recall_chart(truth, two, names)
    return Evaluation(
        metric=chosen_metric(spec.metric or "roc_auc", tallies),
        rows=len(truth),
        scores=intervals(tallies),
        tables=(_by_label(truth, scores, spec, rows),),
        matrices=(_outcomes(truth, scores),),
        charts=tuple(chart for chart in charts if chart),
        mistakes=_mistakes(truth, scores, spec, rows),
        less_is_better=tuple(name for name in LESS_IS_BETTER if name in tallies),
    )


def _share(part: ndarray, whole: ndarray) -> ndarray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _by_label(truth: ndarray, scores: ndarray, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]) -> Table:
    """For each label of the target how many of its rows raise an alarm, and how strange they are."""
    said: list[Any] = [row.get(spec.target, "") if spec.target else NORMAL for row in rows]
    table = []
    for label in Counter(said):
        own = scores[[one == label for one in said]]
        middle, high = np.quantile(own, [0.5, 0.95])
        table.append((label, len(own), float((own > THRESHOLD).mean()), float(middle), float(high)))
    columns = (
        Text("label", "标签"),
        Text("rows", "行数"),
        Text("alarms", "报警比例"),
        Text("median score", "分数中位数"),
        Text("score of the 95th percentile", "分数 95 百分位"),
    )
    return Table(
        "alarms_by_label",
        Text("Alarms by label (a score past 1 is an alarm)", "各标签的报警情况（分数超过 1 即报警）"),
        columns,
        tuple(table),
    )


def _outcomes(truth: ndarray, scores: ndarray) -> Matrix:
    counts = np.zeros((2, 2), dtype=int)
    np.add.at(counts, (truth, (scores > THRESHOLD).astype(int)), 1)
    title = Text("Confusion matrix", "混淆矩阵")
    return Matrix("confusion", title, (NORMAL.en, ANOMALY.en), tuple(tuple(row) for row in counts.tolist()))


def _mistakes(
    truth: ndarray, scores: ndarray, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> tuple[Mistake, ...]:
    wrong = np.flatnonzero((scores > THRESHOLD) != (truth > 0))
    far = np.abs(scores - THRESHOLD)
    worst = wrong[np.argsort(-far[wrong], kind="stable")][:WORST_MISTAKES].tolist()
    return tuple(
        Mistake(
            {column: rows[i].get(column) for column in spec.inputs.values()},
            rows[i].get(spec.target) if spec.target else NORMAL,
            ANOMALY if scores[i] > THRESHOLD else NORMAL,
            error=float(far[i]),
        )
        for i in worst
    )
