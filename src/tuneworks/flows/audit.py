"""The audit log: who changed what, and whether the log and what it tells of are still as they were written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tuneworks.core.access import AuditEntry
from tuneworks.core.audit import AUDITED, BEGINNING, first_break, record_digest
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace

KINDS = {kind.__name__: kind for kind in AUDITED}


@dataclass(frozen=True)
class AuditCheck:
    """How many entries there are, the digest of the newest, and what is wrong with the first that is not as written.

    The digest stands for the whole log: noted elsewhere, it shows later whether entries before it were replaced.
    """

    entries: int
    digest: str
    problem: Text | None = None


def audit(*, limit: int | None = None, workspace: Workspace | None = None) -> list[AuditEntry]:
    """The entries, the newest last; the newest ``limit`` of them."""
    store = (workspace or Workspace.open()).store
    if limit is None:
        return store.find(AuditEntry)
    return store.find(AuditEntry, newest_first=True, limit=limit)[::-1]


def check_audit(*, digest: str | None = None, workspace: Workspace | None = None) -> AuditCheck:
    """Whether every entry follows from the one before it, and every record is as its newest entry says.

    ``digest``: of an entry that was the newest once; it must still be among them.
    """
    workspace = workspace or Workspace.open()
    entries = audit(workspace=workspace)
    newest = entries[-1].digest if entries else BEGINNING
    problem = first_break(entries) or _missing(entries, digest) or next(_otherwise(workspace, entries), None)
    return AuditCheck(len(entries), newest, problem)


def _missing(entries: list[AuditEntry], digest: str | None) -> Text | None:
    if digest is None or digest in {BEGINNING, *(entry.digest for entry in entries)}:
        return None
    return Text(
        f"No entry has the digest {digest[:16]}...: the log was replaced, or its end cut off.",
        f"没有摘要为 {digest[:16]}... 的条目：日志被替换，或末尾被截断。",
    )


def _otherwise(workspace: Workspace, entries: list[AuditEntry]) -> Iterator[Text]:
    """Records that are not as the newest entry about them says."""
    newest: dict[tuple[str, str], AuditEntry] = {(entry.kind, entry.record): entry for entry in entries}
    for (name, id), entry in newest.items():
        if name in KINDS and record_digest(_stored(workspace, KINDS[name], id)) != entry.record_digest:
            yield Text(
                f"The {name} {id!r} is not as entry {entry.number} of the audit log left it.",
                f"{name} {id!r} 与审计日志第 {entry.number} 条所记不符。",
            )


def _stored(workspace: Workspace, kind: type, id: str) -> Any:
    return workspace.store.get(kind, id)
