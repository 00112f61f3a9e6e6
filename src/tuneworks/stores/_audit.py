"""The audit log of the SQL store: an entry is written in the transaction of the change it tells of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tuneworks.core.access import AuditEntry
from tuneworks.core.audit import AUDITED, entry_for
from tuneworks.core.records import from_json
from tuneworks.stores._tables import TABLES, row_of

AUDITING = 0x7458  # the advisory lock of whoever adds to the chain of a shared database
TABLE = TABLES[AuditEntry]


def is_audited(kind: type) -> bool:
    """Whether changes of such records are noted."""
    return kind in AUDITED


def wait_for_turn(connection: sa.Connection, *, shared: bool) -> None:
    """Be the only one who adds to the chain until the transaction ends; a writer of SQLite is alone anyway."""
    if shared:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(AUDITING)))


def note(connection: sa.Connection, before: Any, after: Any) -> None:
    """Add the change to the chain."""
    body = connection.execute(sa.select(TABLE.c.body).order_by(TABLE.c.position.desc()).limit(1)).scalar()
    entry = entry_for(from_json(AuditEntry, body) if body else None, before, after)
    if entry is not None:
        connection.execute(sa.insert(TABLE).values(row_of(entry)))
