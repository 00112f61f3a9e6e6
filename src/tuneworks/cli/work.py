"""``tuneworks work``: do queued runs, one after another."""

from __future__ import annotations

from tuneworks.cli.commands import option, verb
from tuneworks.cli.lines import run_line
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Do queued runs, one after another.", "逐个执行排队中的运行。"),
    Text(
        "Start as many workers as the machine can bear; each run is done by one of them. Ctrl-C ends the worker and "
        "keeps a checkpoint of its run.",
        "可按机器能力启动多个工作进程，每个运行只由其中一个执行。Ctrl-C 结束工作进程，并为其运行保留检查点。",
    ),
)
@option("--once", is_flag=True, about=Text("End when no run is left.", "没有剩余运行时结束。"))
@option("--run", metavar="RUN", about=Text("Do this one run, then end.", "只执行这一个运行，然后结束。"))
def command(session: Session, once: bool, run: str | None) -> None:
    from tuneworks.flows.work import work

    with session.work() as (workspace, listener):
        done = work(once=once, run=run, workspace=workspace, listener=listener)
        lines = [run_line(workspace, each) for each in done]
    session.result(done, *lines or [str(Text("No run was waiting.", "没有等待执行的运行。"))])
