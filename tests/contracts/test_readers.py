"""Every reader there is keeps every promise of the contract."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import numpy as np
import polars
import pytest
from openpyxl import Workbook

from tuneworks.core import registry
from tuneworks.statistics.drawings import png
from tuneworks.testing.readers import CHECKS


def parquet() -> bytes:
    buffer = io.BytesIO()
    polars.DataFrame(TABLE).write_parquet(buffer)
    return buffer.getvalue()


def workbook() -> bytes:
    book, buffer = Workbook(), io.BytesIO()
    sheet = book.worksheets[0]
    for cells in (list(TABLE), *zip(*TABLE.values(), strict=True)):
        sheet.append(cells)
    book.save(buffer)
    return buffer.getvalue()


TABLE = {
    "text": ["房间很大", "no", "two\nlines"],
    "label": [1, 0, 1],
    "made": [datetime(2024, 1, day) for day in (1, 2, 3)],
}
SAMPLES = {
    "parquet": ("sample.parquet", parquet()),
    "xlsx": ("sample.xlsx", workbook()),
    "csv": ("sample.csv", 'text,label\n"房间很大, 很干净",1\n"He said ""no""",0\n"two\nlines",1\n'),
    "jsonl": ("sample.jsonl", '{"text": "房间很大", "label": 1, "spans": []}\n{"text": "a\\nb", "label": 0}\n'),
    "chat": (
        "sample.jsonl",
        '{"messages": [{"role": "user", "content": "在吗"}, {"role": "assistant", "content": "在的"}]}\n'
        '{"messages": [{"role": "user", "content": "a\\nb"}], "split": "test"}\n',
    ),
    "conll": ("sample.conll", "-DOCSTART- O\n\nPeter B-PER\nleft O\n\nBei B-LOC\njing I-LOC\n"),
}


FOLDERS = {"image-folder": ("good/one.png", "good/two.png", "scratch/three.png")}


def test_every_reader_has_a_sample() -> None:
    assert set(registry.names("readers")) == {*SAMPLES, *FOLDERS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", registry.names("readers"))
def test_a_reader_keeps_its_promises(name: str, check, tmp_path: Path) -> None:
    check(
        registry.load("readers", name)(), sample_folder(name, tmp_path) if name in FOLDERS else sample(name, tmp_path)
    )


def sample(name: str, folder: Path) -> Path:
    """A sound file of the reader's format."""
    file_name, text = SAMPLES[name]
    (folder / file_name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / file_name


def sample_folder(name: str, folder: Path) -> Path:
    """A sound folder for a reader of folders."""
    for number, file_name in enumerate(FOLDERS[name]):
        (folder / "sample" / file_name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "sample" / file_name).write_bytes(png(np.full((8, 8, 3), number, np.uint8)))
    return folder / "sample"
