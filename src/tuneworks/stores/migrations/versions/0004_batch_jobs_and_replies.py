"""Files answered as jobs, and answers kept under idempotency keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tuneworks.stores._tables import POSITION

revision = "0004"
down_revision = "0003"

TABLES = ("tw_batch_job", "tw_reply")


def upgrade() -> None:
    """Create the tables."""
    for table in TABLES:
        op.create_table(
            table,
            sa.Column("position", POSITION, primary_key=True, autoincrement=True),
            sa.Column("id", sa.String, nullable=False),
            sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
            sa.Column("body", sa.Text, nullable=False),
            sqlite_autoincrement=True,
        )
        op.create_index(f"uq_{table}_id", table, ["id"], unique=True)
