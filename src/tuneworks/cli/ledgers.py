"""What was used and what was changed, as lines of text: the ledgers of a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tuneworks.cli.session import Session
from tuneworks.core.tables import format_table
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.core.access import AuditEntry, Usage
    from tuneworks.core.workspace import Workspace

LEDGERS = {"usage": Text("Usage", "用量"), "audit": Text("Audit log", "审计日志")}
SHOWN_ENTRIES = 50
USAGE_TITLES = (
    Text("key", "密钥"),
    Text("name", "名称"),
    Text("deployment", "部署"),
    Text("hour (UTC)", "小时（UTC）"),
    Text("requests", "请求"),
    Text("refused", "拒绝"),
    Text("rows", "行"),
    Text("characters", "字符"),
    Text("tokens", "词元"),
)
AUDIT_TITLES = (
    Text("number", "序号"),
    Text("made (UTC)", "时间（UTC）"),
    Text("who", "操作者"),
    Text("what", "操作"),
    Text("record", "记录"),
    Text("change", "变更"),
)
ACTIONS = {"added": Text("added", "新增"), "changed": Text("changed", "修改"), "removed": Text("removed", "删除")}


def show_ledger(session: Session, kind: str) -> None:
    """Show one of ``LEDGERS``; the audit log is checked, and raises ``BrokenSeal`` where it was changed."""
    with session.open() as workspace:
        {"usage": _usage, "audit": _audit}[kind](session, workspace)


def _usage(session: Session, workspace: Workspace) -> None:
    from tuneworks.flows.usage import usage

    found = usage(workspace=workspace)
    session.result(found, format_table(USAGE_TITLES, list(map(_used, found))) if found else Text("none", "无"))


def _audit(session: Session, workspace: Workspace) -> None:
    from tuneworks.core.errors import BrokenSeal
    from tuneworks.flows.audit import audit, check_audit

    found = audit(workspace=workspace)
    checked = check_audit(workspace=workspace)
    shown = format_table(AUDIT_TITLES, list(map(_changed, found[-SHOWN_ENTRIES:])))
    session.result(found, shown if found else Text("none", "无"))
    if checked.problem is not None:
        raise BrokenSeal(
            checked.problem,
            Text(
                "Somebody wrote to the store by other means than Tuneworks. Compare it with a backup.",
                "有人绕过 Tuneworks 直接改写了数据库。请与备份比对。",
            ),
        )
    session.note(
        Text(
            f"Entries: {checked.entries}, all as they were written. Note the newest one's digest elsewhere: "
            f"{checked.digest}",
            f"共 {checked.entries} 条，均与写入时一致。请将最新一条的摘要另行保存：{checked.digest}",
        )
    )


def _used(one: Usage) -> Sequence[Any]:
    counts = (one.requests, one.refused, one.rows, one.characters, one.tokens)
    return (one.key_id, one.name, one.deployment, one.hour.replace("T", " "), *counts)


def _changed(entry: AuditEntry) -> Sequence[Any]:
    change = ", ".join(f"{name}: {_short(before)} -> {_short(after)}" for name, (before, after) in entry.change.items())
    moment = entry.made[:19].replace("T", " ")
    return entry.number, moment, entry.actor, ACTIONS[entry.action], f"{entry.kind} {entry.record[:24]}", change


def _short(value: str | None) -> str:
    return "" if value is None else value if len(value) <= 40 else f"{value[:37]}..."
