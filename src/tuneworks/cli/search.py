"""``tuneworks search``: try settings of a method, tune the best."""

from __future__ import annotations

from typing import Any

import click

from tuneworks.cli import shared
from tuneworks.cli.commands import option, verb
from tuneworks.cli.lines import search_lines
from tuneworks.cli.session import Session
from tuneworks.cli.tune import bases
from tuneworks.core.text import Text


@verb(
    Text("Search the settings of a method.", "搜索一种方法的设置。"),
    Text(
        "Trials are measured on validation rows; poor ones are given up early. The best recipe is measured with "
        "several seeds and tuned to a version. The same command goes on with a search that was cut off.",
        "各次试验在验证集上评估，表现差的会提前放弃。最佳配方用多个随机种子评估，并训练为一个版本。"
        "重新执行同一命令会继续被中断的搜索。",
    ),
)
@shared.dataset(required=False)
@shared.target
@shared.task
@shared.base
@option("--method", metavar="METHOD", about=Text("Whose settings, such as full.", "搜索哪种方法的设置，例如 full。"))
@option("--trials", type=int, about=Text("How many recipes to try. Default: 30.", "试验的配方数，默认 30。"))
@option("--minutes", type=float, about=Text("The time for everything.", "全部工作的时间（分钟）。"))
@option(
    "--space",
    multiple=True,
    metavar="KEY=SPACE",
    about=Text(
        "What to try: recipe.learning_rate=log(1e-5, 1e-3), between(LOW, HIGH) or one_of(A, B). May be repeated. "
        "Default: what the method declares.",
        "取值范围：recipe.learning_rate=log(1e-5, 1e-3)、between(下限, 上限) 或 one_of(甲, 乙)。可重复使用。"
        "默认为该方法声明的范围。",
    ),
)
@option(
    "--seeds",
    type=int,
    about=Text("How often the best is measured. Default: 3.", "最佳配方评估的次数（不同随机种子），默认 3。"),
)
@option(
    "--workers",
    type=click.IntRange(min=1),
    about=Text("Trials side by side. Default: one for two cores.", "同时进行的试验数，默认每两个核心一个。"),
)
@option(
    "--no-store",
    "store",
    flag_value=False,
    default=None,
    about=Text("Store no version; the best recipe is a file.", "不保存版本，只写出最佳配方文件。"),
)
@shared.name
@shared.config
@shared.settings
def command(
    session: Session,
    dataset: str | None,
    base: str | None,
    space: tuple[str, ...],
    config: str | None,
    settings: tuple[str, ...],
    **chosen: Any,
) -> None:
    from tuneworks.core.config import parse_settings, read_config
    from tuneworks.flows.search import search

    with session.work() as (workspace, listener):
        found = search(
            dataset,
            base=bases(base),
            space=parse_settings(space) or None,
            **chosen,
            config=read_config(config) if config else None,
            settings=parse_settings(settings),
            workspace=workspace,
            listener=listener,
        )
    session.result(found, *search_lines(found))
    if not session.json and found.version:
        label = found.version.label
        session.note(Text(f"Next: tuneworks deploy {label}", f"下一步：tuneworks deploy {label}"))
