"""Every reader there is keeps every promise of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.testing.readers import CHECKS

SAMPLES = {
    "csv": ("sample.csv", 'text,label\n"房间很大, 很干净",1\n"He said ""no""",0\n"two\nlines",1\n'),
    "jsonl": ("sample.jsonl", '{"text": "房间很大", "label": 1, "spans": []}\n{"text": "a\\nb", "label": 0}\n'),
    "conll": ("sample.conll", "-DOCSTART- O\n\nPeter B-PER\nleft O\n\nBei B-LOC\njing I-LOC\n"),
}


def test_every_reader_has_a_sample() -> None:
    assert set(registry.names("readers")) == set(SAMPLES)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", registry.names("readers"))
def test_a_reader_keeps_its_promises(name: str, check, tmp_path: Path) -> None:
    file_name, text = SAMPLES[name]
    sample = tmp_path / file_name
    sample.write_text(text, encoding="utf-8", newline="")
    check(registry.load("readers", name)(), sample)
