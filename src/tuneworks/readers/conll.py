"""Tagged tokens in columns: one token a line, the tag last, a blank line between sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tuneworks.core.asking import Reader, Row
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.language.encodings import first_text
from tuneworks.language.tags import TAG, is_by_character, repaired_tags, spans_from_tags
from tuneworks.language.text_files import format_text, read_text, refuse_nul, unreadable

SUFFIXES = {".conll", ".bio", ".iob", ".iob2", ".bioes", ".bmes", ".ner"}
ALSO_BY_CONTENT = {".txt", ".tsv", ".tab", ".data", ".train", ".dev", ".test", ""}
DOCUMENT = "-DOCSTART-"
SAMPLE_LINES = 200


@dataclass
class Sentence:
    """Tokens and tags of one sentence; ``document``: the number of its document, where the file marks them."""

    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    document: int | None = None


class Conll(Reader):
    """Reads BIO, IOB1, IOB2, BIOES, BMES and BILOU columns as text with spans, and the document each belongs to."""

    def accepts(self, path: Path, head: bytes) -> bool:
        suffix = path.suffix.lower()
        return suffix in SUFFIXES or (suffix in ALSO_BY_CONTENT and _looks_tagged(first_text(head)))

    def rows(self, path: Path, listener: Listener = silent) -> Iterator[Row]:
        decoded = read_text(path)
        refuse_nul(path, decoded.text)
        tell(listener, "format", format_text(decoded))
        sentences = list(_sentences(path, decoded.text))
        by_character = is_by_character(sentence.tokens for sentence in sentences)
        repaired = 0
        for sentence in sentences:
            tagged = spans_from_tags(sentence.tokens, sentence.tags, by_character)
            repaired += tagged.repaired
            row = {"text": tagged.text, "spans": tagged.spans}
            yield row if sentence.document is None else {**row, "document": sentence.document}
        if repaired:
            tell(listener, "repair", repaired_tags(repaired))


def _looks_tagged(text: str) -> bool:
    lines = [line.split() for line in text.splitlines()[:SAMPLE_LINES]][:-1]
    cells = [line for line in lines if line and line[0] != DOCUMENT and not line[0].startswith("#")]
    return bool(cells) and all(len(line) > 1 and TAG.match(line[-1]) for line in cells)


def _sentences(path: Path, text: str) -> Iterator[Sentence]:
    expected: tuple[int, int] | None = None
    sentence, document = Sentence(), None
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        cells = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or cells[0] == DOCUMENT:
            if sentence.tokens:
                yield sentence
            if cells and cells[0] == DOCUMENT:
                document = 1 if document is None else document + 1
            sentence = Sentence(document=document)
        elif not (line.startswith("#") and not TAG.match(cells[-1])):
            expected = expected or (len(cells), number)
            _check(path, cells, number, expected)
            sentence.tokens.append(cells[0])
            sentence.tags.append(cells[-1].strip())
    if sentence.tokens:
        yield sentence


def _check(path: Path, cells: list[str], line: int, expected: tuple[int, int]) -> None:
    width, first_line = expected
    if len(cells) != width or width < 2:
        raise unreadable(
            path,
            Text(
                f"expected {max(width, 2)} columns (a token first, its tag last; as on line {first_line}),"
                f" found {len(cells)}.",
                f"应有 {max(width, 2)} 列（首列为词，末列为标签；与第 {first_line} 行一致），实际有 {len(cells)} 列。",
            ),
            Text(
                "Give every token line the same columns; put a blank line between sentences.",
                "请让每个词所在的行列数相同，句子之间空一行。",
            ),
            line,
        )
    if not cells[0].strip() or not TAG.match(cells[-1].strip()):
        raise unreadable(
            path,
            Text(
                f"expected a tag such as O, B-PER or I-PER in the last column, found {cells[-1][:40]!r}.",
                f"末列应为 O、B-PER、I-PER 这样的标签，实际是 {cells[-1][:40]!r}。",
            )
            if cells[0].strip()
            else Text("the token is empty.", "词为空。"),
            Text("Tags are O, or B-, I-, E-, S- and a name.", "标签为 O，或 B-、I-、E-、S- 加名称。"),
            line,
        )
