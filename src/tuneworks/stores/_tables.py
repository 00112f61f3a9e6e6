"""The tables of the SQL store: one a record type, with the columns that are searched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from tuneworks.core import access, types
from tuneworks.core.batch_jobs import BatchJob
from tuneworks.core.replies import Reply
from tuneworks.stores._bodies import body_of

SEARCHED: Mapping[type, Mapping[str, type]] = {
    types.DatasetName: {"dataset_id": sa.String},
    types.Dataset: {"parent_id": sa.String},
    types.Run: {"status": sa.String, "kind": sa.String, "parent_id": sa.String},
    types.Lease: {},
    types.Event: {"run_id": sa.String},
    types.ModelVersion: {
        "name": sa.String,
        "number": sa.Integer,
        "run_id": sa.String,
        "dataset_id": sa.String,
        "parent_id": sa.String,
    },
    types.Deployment: {},
    types.Prediction: {"deployment": sa.String, "version_id": sa.String, "key": sa.String},
    types.Feedback: {"prediction_id": sa.String, "key": sa.String},
    types.Signal: {"deployment": sa.String, "detector": sa.String},
    access.ApiKey: {},
    access.Usage: {"key_id": sa.String, "month": sa.String},
    access.Allowance: {},
    access.AuditEntry: {"kind": sa.String, "record": sa.String},
    types.Move: {"deployment": sa.String},
    types.Shadow: {"deployment": sa.String, "version_id": sa.String},
    BatchJob: {},
    Reply: {},
}

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers by itself where it is INTEGER


def _tables() -> dict[type, sa.Table]:
    metadata = sa.MetaData()
    tables = {kind: _table(metadata, kind, searched) for kind, searched in SEARCHED.items()}
    versions = tables[types.ModelVersion]
    sa.Index("uq_tw_model_version_name_number", versions.c.name, versions.c.number, unique=True)
    return tables


def _table(metadata: sa.MetaData, kind: type, searched: Mapping[str, type]) -> sa.Table:
    name = "tw_" + re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return sa.Table(
        name,
        metadata,
        sa.Column("position", POSITION, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
        sa.Column("body", sa.Text, nullable=False),
        *(sa.Column(column, kind_of_value) for column, kind_of_value in searched.items()),
        sa.Index(f"uq_{name}_id", "id", unique=True),
        *(sa.Index(f"ix_{name}_{column}", column) for column in searched),
        sqlite_autoincrement=True,
    )


TABLES = _tables()


def row_of(record: Any) -> dict[str, Any]:
    """A record's row: its id, its JSON and its searched columns."""
    searched = {name: getattr(record, name) for name in SEARCHED[type(record)]}
    return {"id": record.id, "body": body_of(record), **searched}
