"""``tuneworks new``: begin a plug-in."""

from __future__ import annotations

import click

from tuneworks.cli.commands import argument, verb
from tuneworks.cli.session import Session
from tuneworks.core.text import Text

KINDS = ("task", "base", "method", "reader", "finder", "detector")


@verb(
    Text(
        "Begin a plug-in: one file, its contract's promises still open.", "新建插件：一个文件，契约中的承诺尚待实现。"
    ),
    Text(
        "Writes NAME.py into the current folder. Run pytest on it: every failing test is a promise left to keep.",
        "在当前文件夹中写入 NAME.py。用 pytest 运行它：每个失败的测试都是一项尚待兑现的承诺。",
    ),
)
@argument("kind", type=click.Choice(KINDS), about=Text("What to begin.", "要新建的插件类型。"))
@argument("name", about=Text("Its name, such as credit-risk.", "插件名称，例如 credit-risk。"))
def command(session: Session, kind: str, name: str) -> None:
    from tuneworks.flows.new import new

    path = new(kind, name)
    session.result(
        {"file": str(path)},
        Text(f"Written: {path.name}", f"已写入：{path.name}"),
        Text(f"What is left to do: pytest {path.name}", f"查看待办：pytest {path.name}"),
        Text(
            f'To make it known, name it in your package: [project.entry-points."tuneworks.{kind}s"]',
            f'在您的软件包中登记后即可使用：[project.entry-points."tuneworks.{kind}s"]',
        ),
    )
