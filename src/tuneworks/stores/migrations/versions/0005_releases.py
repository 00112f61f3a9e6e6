"""Moves of deployments, and what challengers in shadow would have answered."""

from __future__ import annotations

from tuneworks.stores.migrations.record_tables import create

revision = "0005"
down_revision = "0004"

SEARCHED = {"tw_move": ("deployment",), "tw_shadow": ("deployment", "version_id")}


def upgrade() -> None:
    """Create the tables."""
    create(SEARCHED)
