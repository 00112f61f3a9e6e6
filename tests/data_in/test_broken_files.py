"""A broken file gives a clear error that names its place, or a stated repair; nothing is stored by halves."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from openpyxl import Workbook

from tuneworks.core.errors import InvalidConfig, InvalidInput, NotFound, TuneworksError, UnreadableFile
from tuneworks.core.text import Text
from tuneworks.core.types import Dataset, DatasetName, Event
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import check
from tuneworks.flows.rows import read_rows

CHINESE = "文本,标签\n房间很大很干净,好评\n服务态度太差了,差评\n"
ROWS = [{"文本": "房间很大很干净", "标签": "好评"}, {"文本": "服务态度太差了", "标签": "差评"}]
TABLE = "text,label\n" + "".join(f"this is text number {i},{'yes' if i % 2 else 'no'}\n" for i in range(40))


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "text,label\na,b\n")
    return buffer.getvalue()


def workbook(*names: str) -> bytes:
    book, buffer = Workbook(), io.BytesIO()
    if names:
        book.worksheets[0].append(names)
    book.save(buffer)
    return buffer.getvalue()


@dataclass(frozen=True)
class Refused:
    """A file, and what its error must say in English beside the file's name."""

    file: str
    data: bytes
    says: tuple[str, ...]


REFUSED = {
    "empty": Refused("a.csv", b"", ("the file is empty",)),
    "only white space": Refused("a.csv", b" \n\n  \n", ("the file is empty",)),
    "only a byte order mark": Refused("a.csv", b"\xef\xbb\xbf", ("the file is empty",)),
    "empty jsonl": Refused("a.jsonl", b"\n", ("the file is empty",)),
    "header only": Refused("a.csv", b"text,label\n", ("no row below it", "text, label")),
    "ragged, too few": Refused("a.csv", b"text,label,date\na,b,c\nd,e\n", ("line 3", "expected 3 columns", "found 2")),
    "ragged, too many": Refused(
        "a.csv", b"text,label\na,b\nwell, no,b\n", ("line 3", "column 3", "expected 2", "found 3")
    ),
    "unclosed quote": Refused(
        "a.csv", b'text,label\na,b\n"never closed,c\nd,e\n', ("line 3, column 1", "never closed")
    ),
    "quote closed by another far below": Refused(
        "a.csv", b'text,label\n"open,x\na,b\nc,d\n"e",f\n', ("line 2, column 1", "closes on line 5")
    ),
    "quote that swallows rows": Refused("a.csv", b'text,label\n"open,x\na,b\nc",d\ne,f\ng\n', ("line 6", "found 1")),
    "text after a closing quote": Refused(
        "a.csv", b'text,label\na,b\nc,"d" e\n', ("line 3, column 3", "middle of a value")
    ),
    "NUL byte": Refused("a.csv", b"text,label\nab\0c,d\n", ("line 2, column 3", "NUL")),
    "duplicate header": Refused("a.csv", b"text,label,text\na,b,c\n", ("line 1, column 3", "'text' stands twice")),
    "empty header": Refused("a.csv", b"text,,label\na,x,c\nd,y,f\n", ("line 1, column 2", "has no name")),
    "mixed separators": Refused("a.csv", b"text;label\na;b\nc,d\n", ("line 3", "separated by ','", "header by ';'")),
    "header without separators": Refused("a.csv", b"text\na,b\nc,d\n", ("line 2", "expected 1 columns", "found 2")),
    "zip named csv": Refused("a.csv", zipped("a.csv"), ("a ZIP archive",)),
    "xlsx named csv": Refused("a.csv", zipped("[Content_Types].xml", "xl/workbook.xml"), ("Excel workbook",)),
    "old xls named csv": Refused("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ("old Office document",)),
    "picture named txt": Refused("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(99), ("PNG picture",)),
    "parquet named jsonl": Refused("a.jsonl", b"PAR1" + bytes(99), ("Parquet",)),
    "Latin-1": Refused("a.csv", "text,label\nné à Zürich,b\n".encode("latin-1"), ("line 2, column 2", "0xE9", "UTF-8")),
    "Big5": Refused("a.csv", "文本,標籤\n這個產品還不錯,好\n服務態度很差,壞\n".encode("big5"), ("line 1, column 1",)),
    "UTF-8 cut off": Refused("a.csv", "文本,标签\n房间很大,好".encode()[:-1], ("line 2, column 6", "not UTF-8")),
    "UTF-16 cut off": Refused("a.csv", CHINESE.encode("utf-16")[:-1], ("mark of UTF-16 LE",)),
    "2 MB in one field": Refused(
        "a.csv", b"text,label\nshort,x\n" + b"a" * 2_000_000 + b",y\n", ("line 3, column 1", "2000000")
    ),
    "2 MB in one value": Refused(
        "a.jsonl", b'{"text": "' + b"a" * 2_000_000 + b'"}\n', ("line 1", "'text'", "2000000")
    ),
    "truncated JSON lines": Refused(
        "a.jsonl", b'{"text": "a", "label": "b"}\n{"text": "c", "la', ("line 2, column 15", "cut off")
    ),
    "bad JSON": Refused("a.jsonl", b'{"text": "a"}\n{"text": b}\n', ("line 2, column 10", "not JSON")),
    "scalar lines": Refused("a.jsonl", b'{"text": "a"}\n"b"\n', ("line 2", "is a text, not an object")),
    "list of numbers": Refused("a.json", b"[1, 2]", ("item 1 is a number",)),
    "NaN in JSON": Refused("a.jsonl", b'{"x": 1}\n{"x": NaN}\n', ("line 2", "NaN is not a JSON number")),
    "infinite number": Refused("a.jsonl", b'{"x": 1e999}\n', ("line 1", "too large")),
    "repeated name": Refused("a.jsonl", b'{"text": "a", "text": "b"}\n', ("line 1", "'text' stands twice")),
    "very deep JSON": Refused("a.jsonl", b"[" * 100_000, ("nested too deeply",)),
    "tokens and tags of two lengths": Refused(
        "a.jsonl", b'{"tokens": ["a", "b"], "tags": ["O"]}\n', ("Row 1", "2 tokens but 1 tags")
    ),
    "unknown tag": Refused("a.jsonl", b'{"tokens": ["a"], "tags": ["PER"]}\n', ("Row 1", "'PER'")),
    "wrong column count": Refused(
        "a.conll", b"Peter NNP B-PER\nleft VBD O\nBonn B-LOC\n", ("line 3", "expected 3 columns", "found 2")
    ),
    "no tag at the end": Refused("a.conll", b"Peter B-PER\nleft VBD\n", ("line 2", "'VBD'")),
    "unknown ending": Refused("a.docx", b"whatever", ("no reader", ".docx")),
    "parquet cut off": Refused("a.parquet", b"PAR1" + bytes(99), ("cut off",)),
    "parquet that is none": Refused("a.parquet", b"text,label\na,b\n", ("does not begin as a Parquet file",)),
    "parquet damaged": Refused("a.parquet", b"PAR1" + bytes(99) + b"PAR1", ("damaged",)),
    "empty parquet": Refused("a.parquet", b"", ("the file is empty",)),
    "workbook with a password": Refused("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ("password",)),
    "workbook cut off": Refused("a.xlsx", workbook("text", "label")[:-30], ("cut off",)),
    "workbook that is a ZIP archive": Refused("a.xlsx", zipped("a.csv"), ("damaged",)),
    "workbook that is none": Refused("a.xlsx", b"text,label\na,b\n", ("no workbook",)),
    "empty sheet": Refused("a.xlsx", workbook(), ("sheet 'Sheet'", "the sheet is empty")),
    "sheet of names alone": Refused("a.xlsx", workbook("text", "label"), ("sheet 'Sheet'", "no row below it")),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "workspace") as opened:
        yield opened


def nothing_by_halves(workspace: Workspace) -> bool:
    """Every blob is a dataset's, every name points at one, every dataset has its blob."""
    datasets = {dataset.id for dataset in workspace.store.find(Dataset)}
    names = {name.dataset_id for name in workspace.store.find(DatasetName)}
    return set(workspace.blobs.ids()) == datasets and names <= datasets


def written(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def added(workspace: Workspace, path: Path) -> tuple[list[dict], dict[str, list[Text]]]:
    """The rows as stored, and what was said, by kind of event."""
    said: dict[str, list[Text]] = {}

    def hear(event: Event) -> None:
        said.setdefault(event.kind, []).append(event.message)

    return read_rows(workspace, add(path, workspace=workspace, listener=hear)), said


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_broken_file_is_refused_with_its_place_and_leaves_nothing(
    case: Refused, workspace: Workspace, tmp_path: Path
) -> None:
    path = written(tmp_path, case.file, case.data)
    with pytest.raises(InvalidInput) as caught:
        add(path, workspace=workspace)
    for part in (str(path), *case.says):
        assert part in caught.value.problem.en
    assert str(path) in caught.value.problem.zh
    assert caught.value.fix.en
    assert caught.value.fix.zh
    assert list(workspace.blobs.ids()) == []
    assert workspace.store.find(Dataset) == []
    assert workspace.store.find(DatasetName) == []


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_broken_second_version_leaves_the_first_as_it_was(
    case: Refused, workspace: Workspace, tmp_path: Path
) -> None:
    good = add(written(tmp_path, "good.csv", CHINESE.encode()), name="data", workspace=workspace)
    with pytest.raises(TuneworksError):
        add(written(tmp_path, case.file, case.data), name="data", workspace=workspace)
    pointer = workspace.store.get(DatasetName, "data")
    assert pointer is not None
    assert pointer.dataset_id == good.id
    assert read_rows(workspace, good) == ROWS
    assert nothing_by_halves(workspace)


@pytest.mark.parametrize(
    ("codec", "mark", "encoding"),
    [
        ("utf-8", b"", "UTF-8"),
        ("utf-8-sig", b"", "UTF-8 with byte order mark (removed)"),
        ("gb18030", b"", "GB18030"),
        ("utf-16-le", b"\xff\xfe", "UTF-16 LE with byte order mark (removed)"),
        ("utf-16-be", b"\xfe\xff", "UTF-16 BE with byte order mark (removed)"),
        ("utf-16-le", b"", "UTF-16 LE"),
        ("utf-16-be", b"", "UTF-16 BE"),
        ("utf-32-le", b"\xff\xfe\0\0", "UTF-32 LE with byte order mark (removed)"),
    ],
)
def test_two_chinese_rows_are_read_in_every_encoding_and_it_is_said_which(
    codec: str, mark: bytes, encoding: str, workspace: Workspace, tmp_path: Path
) -> None:
    rows, said = added(workspace, written(tmp_path, "a.csv", mark + CHINESE.encode(codec)))
    assert rows == ROWS
    assert said["format"][0].en == f"a.csv: Read as {encoding}, columns separated by ','"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_english_utf_16_without_a_mark_is_read(codec: str, workspace: Workspace, tmp_path: Path) -> None:
    rows, _ = added(workspace, written(tmp_path, "a.csv", TABLE.encode(codec)))
    assert len(rows) == 40
    assert rows[1] == {"text": "this is text number 1", "label": "yes"}


@pytest.mark.parametrize(
    ("data", "repair"),
    [
        (b"text,label\ngood one,yes\nbad one,no\n\n\n\n", "Empty lines skipped: 3."),
        (b"text,label\ngood one,yes\n\nbad one,no\n,\n", "Empty lines skipped: 2."),
        (b"text,label\rgood one,yes\rbad one,no\r", "Lines end in a bare CR; read as lines."),
        (b",text,label\n0,good one,yes\n1,bad one,no\n", "Column 1 has no name"),
        (b"text,label,,\ngood one,yes,,\nbad one,no,,\n", "Column 3 has no name"),
    ],
)
def test_a_harmless_oddity_is_repaired_and_said(data: bytes, repair: str, workspace: Workspace, tmp_path: Path) -> None:
    rows, said = added(workspace, written(tmp_path, "a.csv", data))
    assert rows == [{"text": "good one", "label": "yes"}, {"text": "bad one", "label": "no"}]
    assert any(message.en.startswith(f"a.csv: {repair}") for message in said["repair"])


def test_quotes_in_a_tab_separated_file_may_be_ordinary_characters(workspace: Workspace, tmp_path: Path) -> None:
    data = b'text\tlabel\n"Hello" he said\tgreeting\nbye 5" pipe\tother\n'
    rows, said = added(workspace, written(tmp_path, "a.tsv", data))
    assert rows[0]["text"] == '"Hello" he said'
    assert [message.en for message in said["repair"]] == ["a.tsv: Quotation marks were read as ordinary characters."]


def test_labels_that_are_nan_are_missing_and_it_is_said(workspace: Workspace, tmp_path: Path) -> None:
    data = TABLE.replace("number 3,yes", "number 3,NaN").replace("number 5,yes", "number 5,")
    rows, said = added(workspace, written(tmp_path, "a.csv", data.encode()))
    assert [row["label"] for row in rows[2:6]] == ["no", None, "no", None]
    assert said["repair"][0].en == "Values of 'label' such as NaN that were read as missing: 1."
    findings = check("a", workspace=workspace).findings
    assert [finding.rows for finding in findings if finding.finder == "missing-values"] == [(3, 5)]


def test_a_single_class_is_an_error_of_the_check_not_a_crash(workspace: Workspace, tmp_path: Path) -> None:
    data = TABLE.replace(",yes", ",no").encode()
    add(written(tmp_path, "a.csv", data), workspace=workspace)
    findings = check("a", workspace=workspace).findings
    assert findings[0].severity == "error"
    assert {finding.finder for finding in findings if finding.severity == "error"} == {"task", "label-counts"}
    assert "lengths" in {finding.finder for finding in findings}


def test_a_missing_label_column_names_the_columns_there_are(workspace: Workspace, tmp_path: Path) -> None:
    add(written(tmp_path, "a.csv", TABLE.encode()), workspace=workspace)
    with pytest.raises(InvalidConfig) as caught:
        check("a", target="lable", workspace=workspace)
    assert "label" in caught.value.problem.en + caught.value.fix.en


def test_a_missing_file_is_named_with_the_nearest_one(workspace: Workspace, tmp_path: Path) -> None:
    written(tmp_path, "tickets.csv", TABLE.encode())
    with pytest.raises(NotFound) as caught:
        add(tmp_path / "ticket.csv", workspace=workspace)
    assert "ticket.csv" in caught.value.problem.en
    assert "tickets.csv" in caught.value.fix.en


def test_a_folder_without_named_splits_is_refused_with_its_files(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    written(folder, "tickets.csv", TABLE.encode())
    with pytest.raises(UnreadableFile) as caught:
        add(folder, workspace=workspace)
    assert str(folder) in caught.value.problem.en
    assert "tickets.csv" in caught.value.problem.en
    assert nothing_by_halves(workspace)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_one_may_not_read_is_named(workspace: Workspace, tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", TABLE.encode())
    path.chmod(0)
    with pytest.raises(UnreadableFile, match="cannot be opened"):
        add(path, workspace=workspace)


def test_half_a_character_is_refused_with_its_row(workspace: Workspace, tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", b'{"text": "fine"}\n{"text": "half \\ud83d"}\n')
    with pytest.raises(InvalidInput) as caught:
        add(path, workspace=workspace)
    assert "Row 2" in caught.value.problem.en
    assert "\\ud83d" in caught.value.problem.en
    assert nothing_by_halves(workspace)
