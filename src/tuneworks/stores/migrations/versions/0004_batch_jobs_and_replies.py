"""Files answered as jobs, and answers kept under idempotency keys."""

from __future__ import annotations

from tuneworks.stores.migrations.record_tables import create

revision = "0004"
down_revision = "0003"

SEARCHED: dict[str, tuple[str, ...]] = {"tw_batch_job": (), "tw_reply": ()}


def upgrade() -> None:
    """Create the tables."""
    create(SEARCHED)
