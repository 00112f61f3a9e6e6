"""``tuneworks delete``: remove something for good."""

from __future__ import annotations

import sys

import click

from tuneworks.cli.commands import argument, option, verb
from tuneworks.cli.list import KINDS
from tuneworks.cli.misuse import Misuse
from tuneworks.cli.session import Session
from tuneworks.core.text import Text

NOBODY_TO_ASK = Text(
    "Deleting for good needs a yes, and there is no terminal to ask at. Add --yes to delete without being asked.",
    "永久删除需要确认，但这里没有终端可供询问。请加上 --yes 直接删除。",
)


@verb(Text("Delete something for good.", "永久删除某一项。"))
@argument(
    "kind",
    metavar="KIND",
    type=click.Choice(list(KINDS)),
    about=Text(f"What it is: {', '.join(KINDS)}.", f"类别：{'、'.join(KINDS)}。"),
)
@argument("reference", about=Text("Its name or id.", "名称或标识。"))
@option("--yes", is_flag=True, about=Text("Do not ask.", "不再询问。"))
def command(session: Session, kind: str, reference: str, yes: bool) -> None:
    from tuneworks.flows.inspect import delete

    question = Text(f"Delete {kind} {reference} for good?", f"永久删除 {kind} {reference}？")
    if not yes and not sys.stdin.isatty():
        raise Misuse(NOBODY_TO_ASK, click.get_current_context())
    if not yes:
        click.confirm(str(question), abort=True, err=True)
    with session.open() as workspace:
        delete(kind, reference, workspace=workspace)
    session.result({"deleted": reference}, Text(f"Deleted: {reference}", f"已删除：{reference}"))
