"""CoNLL columns: sentences of tagged tokens become text with spans."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuneworks.core.types import Event
from tuneworks.readers.conll import Conll

ENGLISH = """-DOCSTART- -X- O O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

# id 7
Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""


def read(tmp_path: Path, text: str, name: str = "a.conll") -> tuple[list[dict], list[Event]]:
    events: list[Event] = []
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return [dict(row) for row in Conll().rows(path, events.append)], events


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_sentences_become_text_with_spans(tmp_path: Path, end: str) -> None:
    rows, events = read(tmp_path, ENGLISH.replace("\n", end))
    assert rows == [
        {
            "text": "EU rejects German call",
            "spans": [{"start": 0, "end": 2, "label": "ORG"}, {"start": 11, "end": 17, "label": "MISC"}],
            "document": 1,
        },
        {"text": "Peter Blackburn", "spans": [{"start": 0, "end": 15, "label": "PER"}], "document": 1},
    ]
    assert [event.kind for event in events] == ["format"]


def test_chinese_characters_are_joined_by_nothing_in_the_whole_file(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "高\tB-NAME\n勇\tE-NAME\n，\tO\n男\tO\n\n1\tO\n9\tO\n年\tO\n")
    assert [row["text"] for row in rows] == ["高勇，男", "19年"]
    assert rows[0]["spans"] == [{"start": 0, "end": 2, "label": "NAME"}]


def test_tags_that_continue_nothing_are_counted_and_said(tmp_path: Path) -> None:
    rows, events = read(tmp_path, "Peter I-PER\nleft O\nBonn I-LOC\n")
    assert [span["label"] for span in rows[0]["spans"]] == ["PER", "LOC"]
    assert events[-1].kind == "repair"
    assert "2" in events[-1].message.en


@pytest.mark.parametrize(
    ("name", "head", "accepted"),
    [
        ("a.txt", b"Peter B-PER\nleft O\n", True),
        ("a.tsv", "高\tB-NAME\n勇\tI-NAME\n".encode(), True),
        ("a.tsv", b"text\tlabel\nhello there\tO\n", False),
        ("a.txt", b"text,label\na,b\n", False),
        ("a.conll", b"", True),
    ],
)
def test_columns_of_tags_are_known_by_their_content(name: str, head: bytes, accepted: bool) -> None:
    assert Conll().accepts(Path(name), head) is accepted
