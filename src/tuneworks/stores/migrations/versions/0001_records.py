"""One table a record type, with its searched columns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tuneworks.stores._tables import POSITION

revision = "0001"
down_revision = None

SEARCHED = {
    "tw_dataset_name": ("dataset_id",),
    "tw_dataset": ("parent_id",),
    "tw_run": ("status",),
    "tw_model_version": ("name", "number", "run_id", "dataset_id", "parent_id"),
    "tw_deployment": (),
    "tw_prediction": ("deployment", "version_id", "key"),
    "tw_feedback": ("prediction_id", "key"),
    "tw_signal": ("deployment", "detector"),
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
            *(sa.Column(name, sa.Integer if name == "number" else sa.String) for name in searched),
            sqlite_autoincrement=True,
        )
        op.create_index(f"uq_{table}_id", table, ["id"], unique=True)
        for name in searched:
            op.create_index(f"ix_{table}_{name}", table, [name])
    op.create_index("uq_tw_model_version_name_number", "tw_model_version", ["name", "number"], unique=True)
