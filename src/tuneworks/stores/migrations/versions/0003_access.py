"""Keys, what they used, how fast they may, and the log of every change."""

from __future__ import annotations

from tuneworks.stores.migrations.record_tables import create

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
    create(SEARCHED)
