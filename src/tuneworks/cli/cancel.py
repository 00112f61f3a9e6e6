"""``tuneworks cancel``: stop a run for good."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import run_line
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Cancel a run for good.", "彻底取消运行。"),
    Text(
        "It stops after its present step, whatever process does it; nothing of it is kept.",
        "无论由哪个进程执行，都会在当前步骤之后停止，且不保留其任何内容。",
    ),
)
@shared.run()
def command(session: Session, run: str) -> None:
    from tuneworks.flows.cancel import cancel

    with session.open() as workspace:
        asked = cancel(run, workspace=workspace)
        session.result(asked, run_line(workspace, asked))
