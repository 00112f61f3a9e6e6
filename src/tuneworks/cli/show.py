"""``tuneworks show``: one dataset, run, version or deployment in full."""

from __future__ import annotations

from tuneworks.cli.commands import argument, verb
from tuneworks.cli.lines import progress_lines, record_lines
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(Text("Show one thing in full.", "显示某一项的全部内容。"))
@argument(
    "reference",
    about=Text(
        "A dataset, run, model version or deployment, by name or id.", "数据集、运行、模型版本或部署的名称或标识。"
    ),
)
def command(session: Session, reference: str) -> None:
    from tuneworks.core.types import Run
    from tuneworks.flows.inspect import show

    with session.open() as workspace:
        record = show(reference, workspace=workspace)
        lines = progress_lines(workspace, record) if isinstance(record, Run) else []
    session.result(record, *record_lines(record), *lines)
