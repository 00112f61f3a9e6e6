"""``tuneworks rollback``: bring the earlier champion back."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import deployment_line
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(Text("Bring a deployment's earlier champion back.", "恢复部署的上一任冠军。"))
@shared.deployment()
def command(session: Session, deployment: str) -> None:
    from tuneworks.flows.rollback import rollback

    with session.open() as workspace:
        restored = rollback(deployment, workspace=workspace)
        session.result(restored, deployment_line(workspace, restored))
