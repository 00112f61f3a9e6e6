"""``tuneworks deploy``: put a version into service."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import option, verb
from tuneworks.cli.lines import deployment_line
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(Text("Put a version into service.", "部署模型版本。"))
@shared.version()
@option(
    "--name", metavar="NAME", about=Text("The deployment's name. Default: the model's.", "部署名称。默认取模型名称。")
)
@option(
    "--runtime",
    metavar="RUNTIME",
    about=Text("What runs it. Default: the base's own.", "运行方式。默认由基础模型决定。"),
)
def command(session: Session, version: str, name: str | None, runtime: str | None) -> None:
    from tuneworks.flows.deploy import deploy

    with session.work() as (workspace, listener):
        deployment = deploy(version, name=name, runtime=runtime, workspace=workspace, listener=listener)
        session.result(deployment, deployment_line(workspace, deployment))
