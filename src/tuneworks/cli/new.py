"""``tuneworks new``: begin a plug-in, or make a key."""

from __future__ import annotations

import click

from tuneworks.cli.commands import argument, option, verb
from tuneworks.cli.misuse import Misuse
from tuneworks.cli.session import Session
from tuneworks.core.text import Text

KEY = "key"
PLUGINS = ("task", "base", "method", "reader", "finder", "detector")
KINDS = (*PLUGINS, KEY)
ROLES = ("viewer", "labeller", "operator", "administrator")


@verb(
    Text(
        "Begin a plug-in: one file, its contract's promises still open. Or make a key to the HTTP API.",
        "新建插件：一个文件，契约中的承诺尚待实现。或创建 HTTP API 的密钥。",
    ),
    Text(
        "A plug-in: writes NAME.py into the current folder. Run pytest on it: every failing test is a promise left to "
        "keep.\n\nA key: its token is shown once and kept nowhere. A viewer looks and asks, a labeller also judges "
        "answers, an operator also releases and stops, an administrator also gives out keys.",
        "插件：在当前文件夹中写入 NAME.py。用 pytest 运行它：每个失败的测试都是一项尚待兑现的承诺。\n\n"
        "密钥：令牌只显示一次，不会保存在任何地方。viewer 可查看和提问，labeller 还可反馈答案，"
        "operator 还可发布和停止，administrator 还可发放密钥。",
    ),
)
@argument(
    "kind",
    metavar="KIND",
    type=click.Choice(KINDS),
    about=Text(f"What to begin or make: {', '.join(KINDS)}.", f"要新建的类型：{'、'.join(KINDS)}。"),
)
@argument("name", about=Text("Its name, such as credit-risk.", "名称，例如 credit-risk。"))
@option("--role", type=click.Choice(ROLES), about=Text("What a key may do.", "密钥的角色。"))
@option(
    "--days",
    type=int,
    metavar="DAYS",
    about=Text("How long a key is valid. Default: until deleted.", "密钥有效天数。默认直至删除。"),
)
@option(
    "--deployments",
    metavar="NAMES",
    about=Text("What a key reaches: A,B. Default: all.", "密钥可访问的部署：A,B。默认全部。"),
)
@option("--rate", type=int, metavar="REQUESTS", about=Text("Requests a minute at most.", "每分钟最多请求数。"))
@option("--quota", type=int, metavar="ROWS", about=Text("Rows a calendar month at most.", "每个自然月最多行数。"))
def command(
    session: Session,
    kind: str,
    name: str,
    role: str | None,
    days: int | None,
    deployments: str | None,
    rate: int | None,
    quota: int | None,
) -> None:
    given = [role, days, deployments, rate, quota]
    if kind == KEY:
        _key(session, name, role, deployments, {"days": days, "rate": rate, "quota": quota})
    elif any(value is not None for value in given):
        raise Misuse(Text("Only a key has a role and limits.", "只有密钥才有角色和限制。"), click.get_current_context())
    else:
        _plugin(session, kind, name)


def _key(session: Session, name: str, role: str | None, deployments: str | None, limits: dict[str, int | None]) -> None:
    from tuneworks.flows.keys import Limits, new_key

    if role is None:
        raise Misuse(
            Text("A key needs a role: --role viewer", "密钥需要角色：--role viewer"), click.get_current_context()
        )
    names = tuple(filter(None, (deployments or "").split(",")))
    with session.open() as workspace:
        made = new_key(name, role=role, limits=Limits(deployments=names, **limits), workspace=workspace)
    session.result(
        made,
        Text(f"Key {made.key.id}. Its token, shown this once:", f"密钥 {made.key.id}。令牌仅显示这一次："),
        made.token,
    )


def _plugin(session: Session, kind: str, name: str) -> None:
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
