"""``tuneworks promote``: make a version the champion of a deployment."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import deployment_line
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Make a version a deployment's champion.", "将某版本提升为部署的冠军。"),
    Text("The earlier champion is kept; rollback brings it back.", "原冠军会保留，可用 rollback 恢复。"),
)
@shared.deployment()
@shared.version()
def command(session: Session, deployment: str, version: str) -> None:
    from tuneworks.flows.promote import promote

    with session.open() as workspace:
        promoted = promote(deployment, version, workspace=workspace)
        session.result(promoted, deployment_line(workspace, promoted))
