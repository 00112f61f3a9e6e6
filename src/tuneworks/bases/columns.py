"""Numbers, categories and times read together as the columns of a table; no pretrained weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.files import sha256_of_bytes
from tuneworks.core.records import from_plain
from tuneworks.core.text import Text
from tuneworks.statistics.column_features import ColumnState, features, learn
from tuneworks.statistics.features import Floats

FILE = "columns.json"
KINDS = ("number", "series", "category", "time")


class Columns(Base):
    """Every column's scale, labels and gaps are learnt from the training rows."""

    runtime = "arrays"
    joint = True

    def accepts(self, address: str, column_kind: str) -> bool:
        return address == "columns" and column_kind in KINDS

    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        names = list(values[0]) if values else []
        states = [asdict(learn(name, [row[name] for row in values])) for name in names]
        return {FILE: json.dumps({"columns": states}, ensure_ascii=False).encode()}

    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        return LoadedColumns(files[FILE].read_bytes())


class LoadedColumns(LoadedBase):
    """Fitted columns: a value is a row, column -> number, label, time or a list of numbers."""

    joint = True

    def __init__(self, state: bytes) -> None:
        self.fingerprint = f"columns-{sha256_of_bytes(state)[:16]}"
        self._columns = [from_plain(ColumnState, known) for known in json.loads(state)["columns"]]

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Floats:
        parts = [features(column, [row.get(column.name) for row in values]) for column in self._columns]
        made = np.concatenate([np.zeros((len(values), 0), dtype=np.float32), *parts], axis=1)
        advance(listener, Text("table features", "表格特征"), len(values), len(values))
        return made if units is None else np.repeat(made, [len(spans) for spans in units], axis=0)

    def origins(self, value: Any) -> Sequence[tuple[int, str]]:
        widths = [(column.name, len(column.kept) + column.missing) for column in self._columns]
        owners = [name for name, width in widths for _ in range(width)]
        return list(enumerate(owners))
