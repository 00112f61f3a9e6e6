"""``tuneworks pack``: one archive for a box without a network."""

from __future__ import annotations

from tuneworks.cli.commands import argument, option, verb
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Pack a deployment for a box without a network.", "将部署打包，供无网络的机器使用。"),
    Text(
        "The archive holds Tuneworks, every package the model needs as installed here, and the model. On a machine of "
        "the same kind: tar xf FILE, then sh install.sh in its folder.",
        "离线包含有 Tuneworks、模型所需的全部软件包（与本机安装的相同）以及模型。"
        "在同类机器上：tar xf 文件，然后在其文件夹中执行 sh install.sh。",
    ),
)
@argument("deployment", about=Text("The deployment.", "部署。"))
@option(
    "--output",
    metavar="FILE",
    about=Text("The file to write. Default: NAME.pack.tar", "要写入的文件。默认：名称.pack.tar"),
)
def command(session: Session, deployment: str, output: str | None) -> None:
    from tuneworks.flows.pack import pack

    with session.work() as (workspace, listener):
        made = pack(deployment, output, workspace=workspace, listener=listener)
    size = made.bytes / 2**20
    session.result(
        made,
        Text(
            f"{made.file}: {made.card.version}, {made.wheels} packages, {size:.0f} MB",
            f"{made.file}：{made.card.version}，{made.wheels} 个软件包，{size:.0f} MB",
        ),
        f"SHA-256 {made.sha256}",
    )
