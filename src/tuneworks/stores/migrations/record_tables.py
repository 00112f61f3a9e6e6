"""The one form that every table of records has, for the revisions that add some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from alembic import op

from tuneworks.stores._tables import POSITION

WHOLE_NUMBERS = ("number",)


def create(tables: Mapping[str, Sequence[str]]) -> None:
    """Add tables with their indexes: name -> the columns that are searched."""
    for table, searched in tables.items():
        op.create_table(
            table,
            sa.Column("position", POSITION, primary_key=True, autoincrement=True),
            sa.Column("id", sa.String, nullable=False),
            sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
            sa.Column("body", sa.Text, nullable=False),
            *(sa.Column(name, sa.Integer if name in WHOLE_NUMBERS else sa.String) for name in searched),
            sqlite_autoincrement=True,
        )
        op.create_index(f"uq_{table}_id", table, ["id"], unique=True)
        for name in searched:
            op.create_index(f"ix_{table}_{name}", table, [name])
