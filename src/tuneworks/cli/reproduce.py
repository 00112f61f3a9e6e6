"""``tuneworks reproduce``: do a finished run again and compare what it makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.session import Session
from tuneworks.core.tables import format_table
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.flows.reproduce import Reproduced

EXIT_DIFFERENT = 1
PART, THEN, NOW = Text("part", "部件"), Text("then", "当时"), Text("now", "现在")
NOWHERE = Text("missing", "缺失")


@verb(
    Text("Do a finished run again and compare what it makes.", "重新执行已完成的运行并比较结果。"),
    Text(
        "Its configuration is done again on its dataset version, and every part is compared by its SHA-256. Nothing is "
        "stored. Exit code 0: all the same; 1: some part differs.",
        "用同一数据集版本重新执行其配置，并按 SHA-256 比较每个部件。不保存任何内容。退出码 0：全部相同；1：有不同。",
    ),
)
@shared.run()
def command(session: Session, run: str) -> int:
    from tuneworks.flows.reproduce import reproduce

    with session.work() as (workspace, listener):
        reproduced = reproduce(run, workspace=workspace, listener=listener)
    session.result(reproduced, *lines(reproduced))
    return 0 if reproduced.same else EXIT_DIFFERENT


def lines(reproduced: Reproduced) -> Iterator[str]:
    """Whether all parts came out the same, which ones did not, and what has changed since."""
    label, count = reproduced.version.label, len(reproduced.parts)
    different = [part for part in reproduced.parts if not part.same]
    if different:
        yield str(
            Text(
                f"{len(different)} of {count} parts of {label} differ:",
                f"{label} 的 {count} 个部件中有 {len(different)} 个不同：",
            )
        )
        rows = [(part.name, (part.then or str(NOWHERE))[:16], (part.now or str(NOWHERE))[:16]) for part in different]
        yield format_table((PART, THEN, NOW), rows)
    else:
        yield str(
            Text(f"The same to the byte: all {count} parts of {label}.", f"逐字节相同：{label} 的全部 {count} 个部件。")
        )
    if reproduced.changes:
        yield str(Text("What has changed since:", "此后的变化："))
        rows = [(change.name, change.then or str(NOWHERE), change.now or str(NOWHERE)) for change in reproduced.changes]
        yield format_table((Text("what", "项目"), THEN, NOW), rows)
