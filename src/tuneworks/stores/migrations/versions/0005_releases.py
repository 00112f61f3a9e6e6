"""Moves of deployments, and what challengers in shadow would have answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tuneworks.stores._tables import POSITION

revision = "0005"
down_revision = "0004"

SEARCHED = {"tw_move": ("deployment",), "tw_shadow": ("deployment", "version_id")}


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
