"""``tuneworks evaluate``: measure a model version."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import comparison_table, score_table
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Measure a model version and write its report.", "评估模型版本并生成报告。"),
    Text("Every score comes with its 95 % interval.", "每个分数都附有 95% 置信区间。"),
)
@shared.version()
@shared.rows_from
def command(session: Session, version: str, dataset: str | None) -> None:
    from tuneworks.flows.evaluate import evaluate

    with session.work() as (workspace, listener):
        report = evaluate(version, dataset=dataset, workspace=workspace, listener=listener)
    session.result(
        report,
        *([report.scored] if report.scored else []),
        score_table(report.evaluation.scores),
        *([comparison_table(report.comparisons)] if report.comparisons else []),
        Text(f"Report: {report.html}", f"报告：{report.html}"),
    )
