"""``tuneworks check``: find what is wrong with a dataset."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import finding_lines
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Find what is wrong with a dataset.", "找出数据集中的问题。"),
    Text(
        "Every finding says how many rows it concerns and what to do about it.",
        "每条结果都说明涉及多少行，以及该如何处理。",
    ),
)
@shared.dataset()
@shared.target
@shared.task
def command(session: Session, dataset: str, target: str | None, task: str | None) -> None:
    from tuneworks.flows.check import check

    with session.work() as (workspace, listener):
        result = check(dataset, target=target, task=task, workspace=workspace, listener=listener)
    report = [Text(f"Report: {result.report}", f"报告：{result.report}")] if result.report else []
    session.result(result, *finding_lines(result.findings), *report)
