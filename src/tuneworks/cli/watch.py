"""``tuneworks watch``: measure whether a deployment's world has changed."""

from __future__ import annotations

import click

from tuneworks.cli import shared
from tuneworks.cli.commands import option, verb
from tuneworks.cli.session import Session
from tuneworks.core.tables import format_table
from tuneworks.core.text import Text

TITLES = (
    Text("detector", "检测器"),
    Text("value", "数值"),
    Text("threshold", "阈值"),
    Text("raised", "告警"),
    Text("message", "说明"),
)


@verb(
    Text("Measure whether a deployment's world has changed.", "检测部署所处的环境是否已变化。"),
    Text(
        "The newest predictions are held against the held-out rows of the model's dataset.",
        "将最近的预测与该模型数据集的留出数据对照。",
    ),
)
@shared.deployment()
@option(
    "--window",
    type=click.IntRange(min=1),
    default=200,
    about=Text("How many of the newest predictions.", "取最近多少次预测。"),
)
def command(session: Session, deployment: str, window: int) -> None:
    from tuneworks.flows.watch import watch

    with session.work() as (workspace, listener):
        signals = watch(deployment, window=window, workspace=workspace, listener=listener)
    rows = [
        (s.detector, s.value, s.threshold, Text("yes", "是") if s.raised else Text("no", "否"), s.message)
        for s in signals
    ]
    nothing = Text("Too few predictions to say anything yet.", "预测数量尚少，暂无结论。")
    session.result(signals, format_table(TITLES, rows) if rows else nothing)
