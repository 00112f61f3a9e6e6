"""``tuneworks explain-config``: which settings a run would use, and why."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.session import Session
from tuneworks.core.tables import format_table
from tuneworks.core.text import Text

TITLES = (Text("setting", "设置"), Text("value", "值"), Text("from", "来源"))
SOURCES = {
    "default": Text("default", "默认"),
    "derived": Text("derived from the data", "由数据推断"),
    "user": Text("you", "您"),
}


@verb(
    Text("Show every setting of a run and where it comes from.", "显示运行的每项设置及其来源。"),
    Text(
        "Nothing is tuned; with a dataset the settings derived from it are shown.",
        "不会开始微调；给出数据集时会显示由其推断的设置。",
    ),
)
@shared.dataset(required=False)
@shared.config
@shared.settings
def command(session: Session, dataset: str | None, config: str | None, settings: tuple[str, ...]) -> None:
    import json

    from tuneworks.core.config import parse_settings, read_config
    from tuneworks.flows.explain_config import explain_config

    run = read_config(config) if config else None
    with session.open() as workspace:
        explained = explain_config(dataset, config=run, settings=parse_settings(settings), workspace=workspace)
    rows = [(e.key, json.dumps(e.value, ensure_ascii=False), SOURCES[e.source]) for e in explained]
    session.result(explained, format_table(TITLES, rows))
