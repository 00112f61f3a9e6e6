"""``tuneworks rollback``: take a deployment's last release back."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import deployment_lines, taken_back
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Take a deployment's last release back.", "撤回部署的最近一次发布。"),
    Text(
        "A challenger is tried no longer; where none is, the earlier champion comes back.",
        "停止试用挑战者；没有挑战者时，恢复上一任冠军。",
    ),
)
@shared.deployment()
def command(session: Session, deployment: str) -> None:
    from tuneworks.flows.rollback import rollback

    with session.open() as workspace:
        restored = rollback(deployment, workspace=workspace)
        session.result(restored, *taken_back(workspace, restored), *deployment_lines(workspace, restored))
