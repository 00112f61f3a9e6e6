"""Tables: what was written is what is read, whatever separates it."""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworks.readers.csv import Csv, find_separator

CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=15)


def rows_of(text: str, name: str = "a.csv") -> list[dict]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode())
        return [dict(row) for row in Csv().rows(path)]


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS.map(lambda cell: "x" + cell)), min_size=1, max_size=12),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_spreadsheet_writes_is_read_back(rows: list[tuple], separator: str, end: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
            writer.writerows([("text", "note", "label"), *rows])
        read = [tuple(row.values()) for row in Csv().rows(path)]
    assert read == rows


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("text,label\na;b,c\nd;e,f\n", ","),
        ("text;label\na, well;b\nc, d;e\n", ";"),
        ("text\tlabel\na, b\tc\n", "\t"),
        ("id|text|label\n1|a, b|c\n", "|"),
        ('"a,b";label\n"x,y";z\n', ";"),
        ("text,label\n", ","),
    ],
)
def test_the_separator_is_the_one_that_fits_all_rows(text: str, separator: str) -> None:
    assert find_separator(text, ".csv") == separator


def test_one_column_needs_no_separator_even_where_texts_hold_commas() -> None:
    assert rows_of("text\nHello, world\nplain\na; b, c\n") == [
        {"text": "Hello, world"},
        {"text": "plain"},
        {"text": "a; b, c"},
    ]


def test_values_stay_texts_exactly_as_written() -> None:
    assert rows_of('text, label \n" a ", 01\n') == [{"text": " a ", "label": " 01"}]


def test_json_lines_named_csv_are_left_to_their_reader() -> None:
    assert not Csv().accepts(Path("a.csv"), b'\xef\xbb\xbf{"text": "a"}\n')
    assert Csv().accepts(Path("a.csv"), b"PK\x03\x04")
