"""JSON: what was written is what is read, one object a line or one list."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworks.core.errors import UnreadableFile
from tuneworks.readers.jsonl import Jsonl

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.none() | st.booleans() | st.integers() | FLOATS | TEXT
ROWS = st.lists(st.dictionaries(TEXT, VALUES), min_size=1)


def rows_of(text: str, name: str = "a.jsonl") -> list[dict]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode())
        return [dict(row) for row in Jsonl().rows(path)]


@given(ROWS, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_objects_are_read_back_from_lines(rows: list[dict], ascii_only: bool, end: str) -> None:
    assert rows_of(end.join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)) == rows


@given(ROWS, st.sampled_from([None, 2]))
def test_objects_are_read_back_from_one_list(rows: list[dict], indent: int | None) -> None:
    assert rows_of(json.dumps(rows, indent=indent), "a.json") == rows


def test_an_error_in_a_list_has_its_line_and_column() -> None:
    with pytest.raises(UnreadableFile, match=r"line 3, column 3"):
        rows_of('[\n  {"text": "a"}\n  {"text": "b"}\n]', "a.json")


def test_json_is_known_by_its_beginning_whatever_the_name() -> None:
    assert Jsonl().accepts(Path("a.txt"), b'{"text": "a"}\n')
    assert Jsonl().accepts(Path("a.csv"), b'[{"text": "a"}]')
    assert not Jsonl().accepts(Path("a.csv"), b"text,label\n")
