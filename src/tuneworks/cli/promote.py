"""``tuneworks promote``: make a version the champion of a deployment."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import deployment_lines
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Make a version a deployment's champion.", "将某版本提升为部署的冠军。"),
    Text(
        "Without a version it is the challenger that is tried. The earlier champion is kept; rollback brings it back.",
        "省略版本时提升正在试用的挑战者。原冠军会保留，可用 rollback 恢复。",
    ),
)
@shared.deployment()
@shared.version(required=False)
def command(session: Session, deployment: str, version: str | None) -> None:
    from tuneworks.flows.promote import promote

    with session.open() as workspace:
        promoted = promote(deployment, version, workspace=workspace)
        session.result(promoted, *deployment_lines(workspace, promoted))
