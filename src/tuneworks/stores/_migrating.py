"""Brings the tables of a database to what this version of Tuneworks works with."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL

from tuneworks.stores._errors import too_new

MIGRATING = 0x7457  # the advisory lock of whoever brings the tables of a shared database to head
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "tw_schema"


def bring_to_head(engine: sa.Engine, writer: sa.Engine, url: URL) -> None:
    """Create or migrate the tables where needed; a store already at head costs two small queries."""
    with engine.connect() as connection:
        if _is_at_head(connection, url):
            return
    with writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATING)))
        if not _is_at_head(connection, url):
            _migrate(connection)


def _is_at_head(connection: sa.Connection, url: URL) -> bool:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return False
    revision = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    known = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    if revision is not None and revision not in known:
        raise too_new(url, revision, known[-1])
    return revision == known[-1]


def _migrate(connection: sa.Connection) -> None:
    # Alembic takes longer to import than everything else here, and is needed once in a store's life.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
