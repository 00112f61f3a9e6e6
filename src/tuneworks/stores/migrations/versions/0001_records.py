"""One table a record type, with its searched columns."""

from __future__ import annotations

from alembic import op

from tuneworks.stores.migrations.record_tables import create

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
    create(SEARCHED)
    op.create_index("uq_tw_model_version_name_number", "tw_model_version", ["name", "number"], unique=True)
