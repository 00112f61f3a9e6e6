"""The log of every change of state: each entry is sealed with all before it, so that none can be changed alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any

from tuneworks.core.access import ApiKey, AuditEntry, actor
from tuneworks.core.clock import now
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import Dataset, DatasetName, Deployment, Feedback, ModelVersion, Run

AUDITED: Mapping[type, tuple[str, ...]] = {
    Dataset: ("rows", "parent_id"),
    DatasetName: ("dataset_id",),
    Run: ("kind", "status", "wanted", "version_id"),
    ModelVersion: ("name", "number", "run_id", "dataset_id"),
    Deployment: ("champion", "challenger", "mode", "policy"),
    Feedback: ("prediction_id", "source", "correct", "weight"),
    ApiKey: ("name", "role", "deployments", "expires", "revoked", "rate", "quota"),
}
"""Whose changes are noted, and which fields are told: none of them holds what people wrote or were asked."""

BEGINNING = "0" * 64
LONGEST_VALUE = 400


def entry_for(last: AuditEntry | None, before: Any, after: Any) -> AuditEntry | None:
    """The entry that follows ``last`` for a record that was ``before`` and is ``after``; none where nothing changed."""
    if before == after:
        return None
    record = before if after is None else after
    number = 1 + (last.number if last else 0)
    return sealed(
        AuditEntry(
            f"audit-{number:012d}",
            number,
            now(),
            actor(),
            "added" if before is None else "removed" if after is None else "changed",
            type(record).__name__,
            record.id,
            last.digest if last else BEGINNING,
            _change(before, after, AUDITED[type(record)]),
            record_digest(after),
        )
    )


def sealed(entry: AuditEntry) -> AuditEntry:
    """The entry with the digest of all it says, the digest of the entry before it included."""
    return replace(entry, digest=_digest(replace(entry, digest="")))


def record_digest(record: Any) -> str | None:
    """The SHA-256 of a record as it is stored."""
    return None if record is None else _digest(record)


def first_break(entries: Iterable[AuditEntry]) -> Text | None:
    """What is wrong with the first entry that does not follow from the one before it; nothing where all do."""
    previous = BEGINNING
    for number, entry in enumerate(entries, start=1):
        if entry.number != number or entry.previous != previous:
            return Text(
                f"The audit log has no entry {number}, or another than was written there.",
                f"审计日志缺少第 {number} 条，或该条已被替换。",
            )
        if sealed(entry).digest != entry.digest:
            return Text(
                f"Entry {number} of the audit log was changed after it was written.",
                f"审计日志第 {number} 条在写入之后被改动。",
            )
        previous = entry.digest
    return None


def _change(before: Any, after: Any, fields: tuple[str, ...]) -> dict[str, tuple[str | None, ...]]:
    values = {name: (_told(before, name), _told(after, name)) for name in fields}
    return {name: pair for name, pair in values.items() if pair[0] != pair[1]}


def _digest(record: Any) -> str:
    return hashlib.sha256(json.dumps(_lean(record), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _lean(value: Any) -> Any:
    """A record as plain values without fields at their default, so that a field added later changes no digest."""
    if is_dataclass(value) and not isinstance(value, type):
        told = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _lean(one) for name, one in told.items() if not _is_default(value, name, one)}
    if isinstance(value, Mapping):
        return {str(key): _lean(item) for key, item in value.items()}
    return [_lean(item) for item in value] if isinstance(value, (list, tuple)) else value


def _is_default(record: Any, name: str, value: Any) -> bool:
    field = record.__dataclass_fields__[name]
    made = field.default_factory() if field.default_factory is not MISSING else field.default
    return made is not MISSING and bool(value == made)


def _told(record: Any, name: str) -> str | None:
    value = None if record is None else getattr(record, name)
    return None if value is None else json.dumps(to_plain(value), ensure_ascii=False)[:LONGEST_VALUE]
