"""``tuneworks plan``: what tuning would cost and come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuneworks.cli import shared
from tuneworks.cli.commands import option, verb
from tuneworks.cli.session import Session
from tuneworks.cli.tune import bases
from tuneworks.core.tables import format_table
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.flows.plan import Estimate, Forecast

TITLES = (
    Text("method", "方法"),
    Text("base", "基础模型"),
    Text("minutes", "分钟"),
    Text("memory MB", "内存 MB"),
    Text("disk MB", "磁盘 MB"),
    Text("score", "分数"),
    Text("rows tried", "试用行数"),
    Text("verdict", "结论"),
)


@verb(
    Text("Predict what tuning costs and comes to.", "预测微调的开销与效果。"),
    Text(
        "Every method that fits is tried on a few rows in a process of its own; nothing is stored and no test row is "
        "looked at. Scores are rough; times and memory are those of each method by itself.",
        "每种适用的方法都会在独立进程中用少量数据试运行；不保存任何结果，也不查看测试数据。"
        "分数仅为粗略估计；时间和内存按每种方法单独计算。",
    ),
)
@shared.dataset(required=False)
@shared.target
@shared.task
@shared.base
@option(
    "--method",
    metavar="METHOD",
    about=Text("One method alone. Default: all that fit.", "仅此方法。默认所有适用的方法。"),
)
@shared.goal
@shared.budget
@shared.config
@shared.settings
def command(
    session: Session, dataset: str | None, base: str | None, config: str | None, settings: tuple[str, ...], **named: Any
) -> None:
    from tuneworks.core.config import parse_settings, read_config
    from tuneworks.flows.plan import plan

    with session.work() as (workspace, listener):
        forecast = plan(
            dataset,
            base=bases(base),
            **named,
            config=read_config(config) if config else None,
            settings=parse_settings(settings),
            workspace=workspace,
            listener=listener,
        )
    session.result(forecast, _table(forecast), str(forecast.advice))


def _table(forecast: Forecast) -> str:
    from tuneworks.flows.ladder import base_name

    return format_table(TITLES, [_row(estimate, base_name(estimate.recipe)) for estimate in forecast.estimates])


def _row(estimate: Estimate, base: str) -> tuple[str, ...]:
    score = estimate.score
    shown = f"{score.value:.3f} ({score.low:.3f} - {score.high:.3f})" if score else "-"
    costs = ("-", "-", "-")
    if estimate.rows_tried:
        costs = (f"{estimate.minutes:.1f}", f"{estimate.peak_megabytes:.0f}", f"{estimate.disk_megabytes:.0f}")
    return (estimate.recipe.method or "", base, *costs, shown, str(estimate.rows_tried), str(estimate.verdict))
