"""``tuneworks resume``: go on with a run that did not finish."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import run_line
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Go on with a paused, interrupted or failed run.", "继续已暂停、已中断或失败的运行。"),
    Text(
        "It goes on from its newest checkpoint that is whole; a run that left none starts again. On the same machine "
        "the result is the same to the byte as if it had never stopped.",
        "从最新的完整检查点继续；没有检查点的运行从头开始。在同一台机器上，结果与从未中断逐字节相同。",
    ),
)
@shared.run()
@shared.runner
def command(session: Session, run: str, runner: str) -> None:
    from tuneworks.flows.resume import resume

    with session.work() as (workspace, listener):
        ended = resume(run, runner=runner, workspace=workspace, listener=listener)
        line = run_line(workspace, ended)
    session.result(ended, line)
