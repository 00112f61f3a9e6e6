"""``tuneworks doctor``: look everything over."""

from __future__ import annotations

import re

from tuneworks.cli.commands import verb
from tuneworks.cli.session import Session
from tuneworks.core.tables import format_table
from tuneworks.core.text import Text, plain

LEVELS = {
    "ok": Text("ok", "正常"),
    "note": Text("note", "提示"),
    "warning": Text("warning", "警告"),
    "error": Text("error", "错误"),
}
NAMES = {
    "python": plain("Python"),
    "processors": Text("processors", "处理器"),
    "memory": Text("memory", "内存"),
    "tuneworks": plain("Tuneworks"),
    "packages": Text("packages", "软件包"),
    "extras": Text("extras", "可选组件"),
    "disk": Text("disk", "磁盘"),
    "clock": Text("clock", "时钟"),
    "store": Text("store", "数据库"),
    "blobs": Text("blobs", "数据块"),
    "seal": Text("seal", "封存"),
}


@verb(
    Text("Look the box and the workspace over, and say what to do.", "检查机器与工作区，并说明如何处理。"),
    Text(
        "Packages, memory, disk, clock, the store, every stored byte, and the seal of everything that is served. "
        "Nothing is changed. The exit code is 1 where something is wrong.",
        "检查软件包、内存、磁盘、时钟、数据库、每个已存字节，以及所有在用版本的封存。"
        "不作任何更改。有错误时退出码为 1。",
    ),
)
def command(session: Session) -> int:
    from tuneworks.flows.doctor import doctor

    with session.work() as (workspace, listener):
        found = doctor(workspace=workspace, listener=listener)
    titles = (Text("looked at", "检查项"), Text("level", "级别"), Text("found", "结果"))
    table = format_table(titles, [(_named(one.name), LEVELS[one.level], str(one.found)) for one in found])
    advice = [f"{_named(one.name)}: {one.fix}" for one in found if one.fix is not None]
    session.result(found, table, *(["", *advice] if advice else []))
    return 1 if any(one.level == "error" for one in found) else 0


def _named(name: str) -> str:
    """What was looked at, in the user's language: ``seal tickets: tickets@3`` begins with a word of ours."""
    word = re.split(r"[^a-z]", name, maxsplit=1)[0]
    return f"{NAMES.get(word, word)}{name.removeprefix(word)}"
