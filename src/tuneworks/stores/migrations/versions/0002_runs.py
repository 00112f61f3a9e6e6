"""Runs have a kind and a parent; leases and events have tables of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tuneworks.stores.migrations.record_tables import create

revision = "0002"
down_revision = "0001"

SEARCHED: dict[str, tuple[str, ...]] = {"tw_lease": (), "tw_event": ("run_id",)}


def upgrade() -> None:
    """Add what is missing; the runs there are were all tunings."""
    op.add_column("tw_run", sa.Column("kind", sa.String))
    op.add_column("tw_run", sa.Column("parent_id", sa.String))
    op.execute("UPDATE tw_run SET kind = 'tune'")
    for name in ("kind", "parent_id"):
        op.create_index(f"ix_tw_run_{name}", "tw_run", [name])
    create(SEARCHED)
