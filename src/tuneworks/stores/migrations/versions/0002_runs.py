"""Runs have a kind and a parent; leases and events have tables of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tuneworks.stores._tables import POSITION

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
    for table, searched in SEARCHED.items():
        op.create_table(
            table,
            sa.Column("position", POSITION, primary_key=True, autoincrement=True),
            sa.Column("id", sa.String, nullable=False),
            sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
            sa.Column("body", sa.Text, nullable=False),
            *(sa.Column(name, sa.String) for name in searched),
            sqlite_autoincrement=True,
        )
        op.create_index(f"uq_{table}_id", table, ["id"], unique=True)
        for name in searched:
            op.create_index(f"ix_{table}_{name}", table, [name])
