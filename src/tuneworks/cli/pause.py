"""``tuneworks pause``: stop a run for now."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import run_line
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Pause a run: it keeps a checkpoint and stops.", "暂停运行：保留检查点后停止。"),
    Text(
        "It does so after its present step, whatever process does it. Go on with: tuneworks resume RUN",
        "无论由哪个进程执行，都会在当前步骤之后暂停。继续运行：tuneworks resume 运行",
    ),
)
@shared.run()
def command(session: Session, run: str) -> None:
    from tuneworks.flows.pause import pause

    with session.open() as workspace:
        asked = pause(run, workspace=workspace)
        session.result(asked, run_line(workspace, asked))
