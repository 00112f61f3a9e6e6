"""``tuneworks deploy``: put a version into service."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tuneworks.cli import shared
from tuneworks.cli.commands import option, verb
from tuneworks.cli.lines import deployment_lines
from tuneworks.cli.pairs import pairs
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Put a version into service, or try it beside the champion.", "部署模型版本，或在冠军旁试用。"),
    Text(
        "In shadow it is asked too: its answers are logged, never given. As a canary it answers a share of the "
        "requests. A version that does not load, answers not-a-number or fails too often is taken back by itself.",
        "影子方式：同时询问挑战者，其答案只记录、不返回。金丝雀方式：由挑战者回答一部分请求。"
        "无法载入、答案不是数值或失败过多的版本会自动撤回。",
    ),
)
@shared.version()
@option(
    "--name", metavar="NAME", about=Text("The deployment's name. Default: the model's.", "部署名称。默认取模型名称。")
)
@option(
    "--runtime",
    metavar="RUNTIME",
    about=Text(
        "What runs it. Default: what is fastest here and answers alike.", "运行方式。默认取本机上最快且答案一致的。"
    ),
)
@option(
    "--mode",
    default="champion",
    type=click.Choice(["champion", "shadow", "canary"]),
    about=Text("Answer for everybody, or be tried in shadow or as a canary.", "正式作答，或以影子、金丝雀方式试用。"),
)
@option(
    "--share",
    type=float,
    metavar="SHARE",
    about=Text("The share of requests a canary answers, 0 to 1.", "金丝雀回答的请求占比，0 到 1。"),
)
@option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    about=Text(
        "A setting of the release policy, such as error_share=0.02. May be repeated.",
        "发布策略的一项设置，例如 error_share=0.02。可重复使用。",
    ),
)
def command(
    session: Session,
    version: str,
    name: str | None,
    runtime: str | None,
    mode: str,
    share: float | None,
    settings: Sequence[str],
) -> None:
    from tuneworks.flows.deploy import deploy

    policy = pairs(settings) | ({} if share is None else {"share": share})
    with session.work() as (workspace, listener):
        deployment = deploy(
            version, name=name, runtime=runtime, mode=mode, policy=policy, workspace=workspace, listener=listener
        )
        session.result(deployment, *deployment_lines(workspace, deployment))
