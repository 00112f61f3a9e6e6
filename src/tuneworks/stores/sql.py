"""Records in a SQL database: SQLite in a file of the workspace, or PostgreSQL by its URL."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tuneworks.core import registry
from tuneworks.core.keeping import Store
from tuneworks.core.records import from_json
from tuneworks.core.text import Text, plain
from tuneworks.stores import _audit, _copies
from tuneworks.stores._encryption import ENCRYPTED, Cipher
from tuneworks.stores._errors import changed, not_a_store, plain_errors
from tuneworks.stores._migrating import bring_to_head
from tuneworks.stores._recent import Recent
from tuneworks.stores._tables import SEARCHED, TABLES, row_of

R = TypeVar("R")

BUSY_SECONDS = 10
SQLITE, POSTGRESQL = "sqlite", "postgresql+psycopg"
RENEWED_AT_ONCE = 500
CONNECTING = {"connect_timeout": BUSY_SECONDS, "application_name": "tuneworks"}


class SqlStore(Store):
    """One table a record type: position, id, revision, JSON body, and the columns that are searched."""

    def __init__(self, address: str | Path) -> None:
        self._url = _url(address)
        self.shared = self._url.drivername != SQLITE
        self._engine = _engine(self._url)
        self._writer = self._engine.execution_options(tuneworks_writes=True)
        self._turn = threading.Lock()
        self._recent = Recent()
        self._cipher = Cipher.from_environment()
        try:
            with plain_errors(self._url):
                bring_to_head(self._engine, self._writer, self._url)
        except BaseException:
            self._engine.dispose()
            raise

    def put(self, *records: Any, expect: Mapping[str, int] | None = None) -> None:
        """Insert or replace records in one transaction, each at the revision it must still have."""
        expected = dict(expect or {})
        if unknown := expected.keys() - {record.id for record in records}:
            raise ValueError(f"expect names records that are not written: {sorted(unknown)}")
        with self._writing() as connection:
            if any(_audit.is_audited(type(record)) for record in records):
                _audit.wait_for_turn(connection, shared=self.shared)
            for record in records:
                before = self._audited(connection, type(record), record.id)
                if not self._write(connection, record, expected.get(record.id)):
                    raise changed(record)
                if _audit.is_audited(type(record)):
                    _audit.note(connection, before, record)
        self._recent.forget()

    def get(self, kind: type[R], id: str, *, age: float = 0.0) -> R | None:
        """The record, or ``None``; as it was at most ``age`` seconds ago, or since this store wrote."""

        def read() -> R | None:
            with self._reading() as connection:
                return self._read(connection, kind, id)

        found: R | None = self._recent.get((kind, id), age, read) if age > 0 else read()
        return found

    def revision(self, kind: type, id: str) -> int:
        """The record's revision, 0 where there is none."""
        table = TABLES[kind]
        with self._reading() as connection:
            return connection.execute(sa.select(table.c.revision).where(table.c.id == id)).scalar() or 0

    def find(
        self,
        kind: type[R],
        /,
        *,
        newest_first: bool = False,
        limit: int | None = None,
        after: str | None = None,
        **equal: Any,
    ) -> list[R]:
        """Records whose searched columns equal the given values, in the order they were first written."""
        table = TABLES[kind]
        if unknown := equal.keys() - SEARCHED[kind].keys():
            raise TypeError(f"{kind.__name__} is not searched by {sorted(unknown)}, only by {sorted(SEARCHED[kind])}")
        order = table.c.position.desc() if newest_first else table.c.position
        wanted = sa.select(table.c.id, table.c.body).where(*(table.c[name] == value for name, value in equal.items()))
        if after is not None:
            place = sa.select(table.c.position).where(table.c.id == after).scalar_subquery()
            wanted = wanted.where(table.c.position > sa.func.coalesce(place, 0))
        with self._reading() as connection:
            found = connection.execute(wanted.order_by(order).limit(limit)).all()
        return [from_json(kind, self._cipher.opened(kind, id, body)) for id, body in found]

    def append(self, records: Sequence[Any]) -> None:
        """Insert many new records in one durable transaction; an id that is there already is left as it is."""
        rows: dict[type, list[dict[str, Any]]] = {}
        for record in records:
            rows.setdefault(type(record), []).append(self._row(record))
        if not rows:
            return
        with self._writing() as connection:
            for kind, values in rows.items():
                connection.execute(self._insert(kind).on_conflict_do_nothing(index_elements=["id"]), values)

    def remove(self, kind: type, id: str) -> bool:
        """Delete a record; whether there was one."""
        table = TABLES[kind]
        with self._writing() as connection:
            if _audit.is_audited(kind):
                _audit.wait_for_turn(connection, shared=self.shared)
            before = self._audited(connection, kind, id)
            removed = connection.execute(sa.delete(table).where(table.c.id == id)).rowcount > 0
            if before is not None:
                _audit.note(connection, before, None)
        self._recent.forget()
        return removed

    def renew(self) -> int:
        """Encrypt with the newest key what is not; how many records that were."""
        renewed = sum(self._renew(kind) for kind in ENCRYPTED) if self._cipher.mark else 0
        if renewed and not self.shared:
            self._forget_old_pages()
        return renewed

    def copy_out(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Everything held at one moment, encrypted bodies as they are, row by row."""
        with self._reading() as connection:
            yield from _copies.rows_in(_copies.begin_reading(connection, shared=self.shared))

    def copy_in(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Write another store's rows into this one, which holds none, all or nothing; how many there were."""
        with self._writing() as connection:
            written = _copies.write_rows(connection, rows, shared=self.shared)
        self._recent.forget()
        return written

    def faults(self) -> list[Text]:
        """What SQLite finds wrong with its own pages; that the store can be written to is tried."""
        with self._writing():
            pass
        with self._reading() as connection:
            told = [] if self.shared else connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [plain(line) for line in told if line != "ok"]

    def close(self) -> None:
        """Let go of files and connections."""
        self._engine.dispose()

    def _renew(self, kind: type) -> int:
        """All of a kind, some at a time, so that others can write in between."""
        table, renewed = TABLES[kind], 0
        old = sa.select(table.c.position, table.c.id, table.c.body).where(
            sa.not_(table.c.body.startswith(self._cipher.mark, autoescape=True))
        )
        while True:
            with self._writing() as connection:
                found = connection.execute(old.limit(RENEWED_AT_ONCE)).all()
                for position, id, body in found:
                    fresh = self._cipher.closed(kind, id, self._cipher.opened(kind, id, body))
                    connection.execute(sa.update(table).where(table.c.position == position).values(body=fresh))
            if not found:
                return renewed
            renewed += len(found)

    def _forget_old_pages(self) -> None:
        """What was replaced is gone from the file too; where another process reads just now, with its next vacuum."""
        with suppress(sa.exc.OperationalError), self._engine.connect() as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _row(self, record: Any) -> dict[str, Any]:
        row = row_of(record)
        return {**row, "body": self._cipher.closed(type(record), record.id, row["body"])}

    def _read(self, connection: sa.Connection, kind: type[R], id: str) -> R | None:
        table = TABLES[kind]
        body = connection.execute(sa.select(table.c.body).where(table.c.id == id)).scalar()
        return None if body is None else from_json(kind, self._cipher.opened(kind, id, body))

    def _audited(self, connection: sa.Connection, kind: type[R], id: str) -> R | None:
        """The record as it was, where its changes are noted."""
        return self._read(connection, kind, id) if _audit.is_audited(kind) else None

    def _write(self, connection: sa.Connection, record: Any, expected: int | None) -> bool:
        kind, row = type(record), self._row(record)
        table = TABLES[kind]
        if expected:
            at_revision = sa.update(table).where(table.c.id == record.id, table.c.revision == expected)
            return connection.execute(at_revision.values(**row, revision=expected + 1)).rowcount > 0
        insert = self._insert(kind).values(row)
        if expected == 0:
            made = insert.on_conflict_do_nothing(index_elements=["id"]).returning(table.c.id)
            return connection.execute(made).first() is not None
        replaced = {**{name: insert.excluded[name] for name in row}, "revision": table.c.revision + 1}
        connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=replaced))
        return True

    def _insert(self, kind: type) -> Any:
        dialect = postgresql if self.shared else sqlite
        return dialect.insert(TABLES[kind])

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One write transaction: writers of this process take turns, other processes wait at the database."""
        with self._turn, plain_errors(self._url), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with plain_errors(self._url), self._engine.connect() as connection:
            yield connection


def _url(address: str | Path) -> URL:
    """A file's name as it is; of a URL none but PostgreSQL's, by whichever of its schemes."""
    if not (isinstance(address, str) and "://" in address):
        return URL.create(SQLITE, database=str(address))
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise not_a_store(address.split("://")[0] + "://...") from error
    if url.drivername == SQLITE:
        return url
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise not_a_store(url.render_as_string(hide_password=True))
    return url.set(drivername=POSTGRESQL)


def _engine(url: URL) -> sa.Engine:
    if url.drivername != SQLITE:
        return _shared_engine(url)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, max_overflow=-1)
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _shared_engine(url: URL) -> sa.Engine:
    """A connection that was cut is noticed before it is used, so that a restarted server is met again."""
    try:
        return sa.create_engine(url, pool_pre_ping=True, max_overflow=-1, connect_args=CONNECTING)
    except ModuleNotFoundError as error:
        raise registry.missing_extra("psycopg") from error


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Write-ahead logging; where others open the new file at the same moment, SQLite refuses without waiting."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("tuneworks_writes"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
