"""Runs the revisions on the connection the store hands over, all of them in its transaction."""

from __future__ import annotations

from typing import Any

from alembic import context

from tuneworks.stores._migrating import VERSION_TABLE
from tuneworks.stores._tables import TABLES


def is_ours(name: str | None, type_: str, _: Any) -> bool:
    """Whether Alembic may touch it: other tables of the database belong to others."""
    return type_ != "table" or (name or "").startswith("tw_")


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=next(iter(TABLES.values())).metadata,
    version_table=VERSION_TABLE,
    include_name=is_ours,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
