"""Keys, what they used, how fast they may, and the log of every change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tuneworks.stores._tables import POSITION

revision = "0003"
down_revision = "0002"

SEARCHED = {
    "tw_api_key": (),
    "tw_usage": ("key_id", "month"),
    "tw_allowance": (),
    "tw_audit_entry": ("kind", "record"),
}


def upgrade() -> None:
    """Create the tables."""
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
