"""A store as rows: all of one moment, to be written into another store of the same or the other kind of database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa

from tuneworks.core.errors import Conflict, InvalidInput
from tuneworks.core.text import Text
from tuneworks.stores._tables import TABLES

ROWS_AT_ONCE = 1000
Row = tuple[str, Mapping[str, Any]]


def begin_reading(connection: sa.Connection, *, shared: bool) -> sa.Connection:
    """The connection seeing the database as it is now, whatever others write from here on."""
    if shared:
        return connection.execution_options(isolation_level="REPEATABLE READ", yield_per=ROWS_AT_ONCE)
    connection.exec_driver_sql("BEGIN")
    return connection.execution_options(yield_per=ROWS_AT_ONCE)


def rows_in(connection: sa.Connection) -> Iterator[Row]:
    """Every row of every table of ours: the record's type, and column -> value."""
    for kind, table in TABLES.items():
        for row in connection.execute(sa.select(table).order_by(table.c.position)).mappings():
            yield kind.__name__, dict(row)


def write_rows(connection: sa.Connection, rows: Iterable[Row], *, shared: bool) -> int:
    """Write rows into tables that hold none yet; how many there were."""
    tables, written = {kind.__name__: table for kind, table in TABLES.items()}, 0
    for table in tables.values():
        if connection.execute(sa.select(table.c.position).limit(1)).first() is not None:
            raise _not_empty()
    remaining = iter(rows)
    while some := list(islice(remaining, ROWS_AT_ONCE)):
        grouped: dict[str, list[dict[str, Any]]] = {}
        for name, row in some:
            if name not in tables or not set(tables[name].c.keys()) >= row.keys():
                raise _newer(name)
            grouped.setdefault(name, []).append(dict(row))
        for name, values in grouped.items():
            connection.execute(sa.insert(tables[name]), values)
        written += len(some)
    if shared:
        _count_on(connection)
    return written


def _count_on(connection: sa.Connection) -> None:
    """Have positions go on after those that were written."""
    for table in TABLES.values():
        last = connection.execute(sa.select(sa.func.max(table.c.position))).scalar()
        if last:
            sequence = sa.func.pg_get_serial_sequence(table.name, "position")
            connection.execute(sa.select(sa.func.setval(sequence, last)))


def _not_empty() -> Conflict:
    return Conflict(
        Text("The workspace holds records already.", "工作区中已有记录。"),
        Text("Choose an empty one: --workspace PATH", "请选择空的工作区：--workspace 路径"),
    )


def _newer(kind: str) -> InvalidInput:
    return InvalidInput(
        Text(
            f"The records are of a newer Tuneworks: this one does not know {kind}.",
            f"这些记录来自更新版本的 Tuneworks：当前版本不认识 {kind}。",
        ),
        Text("Update Tuneworks: pip install --upgrade tuneworks", "请升级 Tuneworks：pip install --upgrade tuneworks"),
    )
