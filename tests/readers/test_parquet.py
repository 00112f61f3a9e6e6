"""Parquet: typed values arrive as a dataset keeps them, and a broken file says how it is broken."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars
import pytest

from tuneworks.core.errors import NotFound, UnreadableFile
from tuneworks.core.types import Event
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.rows import read_rows
from tuneworks.readers.parquet import Parquet


def written(folder: Path, **columns: list[object]) -> Path:
    path = folder / "data.parquet"
    polars.DataFrame(columns, strict=False).write_parquet(path)
    return path


def test_typed_values_are_kept(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        text=["到了", None],
        count=[1, 2],
        price=[Decimal("1.50"), Decimal("2")],
        day=[date(2024, 1, 1), date(2024, 1, 2)],
        at=[datetime(2024, 1, 1, 8), datetime(2024, 1, 2, 9, 30)],
        tags=[["a"], []],
    )
    heard: list[Event] = []
    rows = list(Parquet().rows(path, heard.append))
    assert rows[0] == {
        "text": "到了",
        "count": 1,
        "price": 1.5,
        "day": "2024-01-01",
        "at": "2024-01-01T08:00:00",
        "tags": ["a"],
    }
    assert rows[1]["text"] is None
    assert rows[1]["price"] == 2
    assert heard[0].message.en == "Read as Parquet, 2 rows of 6 columns"


def test_a_table_is_added_like_any_other(tmp_path: Path) -> None:
    path = written(tmp_path, text=[f"message {n}" for n in range(6)], price=[n / 4 for n in range(6)])
    with Workspace.open(tmp_path / ".tuneworks") as workspace:
        dataset = add(path, workspace=workspace)
        assert [(column.name, column.kind) for column in dataset.columns] == [("text", "text"), ("price", "number")]
        assert read_rows(workspace, dataset)[5] == {"text": "message 5", "price": 1.25}


def test_a_column_that_has_no_form_in_a_dataset_is_named(tmp_path: Path) -> None:
    for value in (b"bytes", timedelta(hours=1)):
        with pytest.raises(UnreadableFile, match="'odd'"):
            list(Parquet().rows(written(tmp_path, odd=[value])))


@pytest.mark.parametrize(
    ("damage", "said"),
    [(lambda data: data[:-9], "cut off"), (lambda data: b"x" + data, "does not begin"), (lambda data: b"", "empty")],
)
def test_a_broken_file_says_how(tmp_path: Path, damage, said: str) -> None:
    path = written(tmp_path, text=["a", "b"])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UnreadableFile, match=said) as caught:
        list(Parquet().rows(path))
    assert "data.parquet" in caught.value.problem.zh


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list(Parquet().rows(tmp_path / "nowhere*.parquet"))
