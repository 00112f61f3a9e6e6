"""Rows to be answered: from a file or a stream, read as a model reads them, a batch at a time."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tuneworks.core import registry
from tuneworks.core.asking import Row
from tuneworks.core.errors import InvalidInput, NotFound, UnreadableFile
from tuneworks.core.events import Listener
from tuneworks.core.text import Text
from tuneworks.core.types import Event, TaskSpec
from tuneworks.flows.image_files import SUFFIXES

BATCH = 256
HEAD_BYTES = 65536
ENCODING = Text("Save the file as UTF-8.", "请将文件保存为 UTF-8 编码。")


@contextmanager
def opened_rows(
    source: Path | BinaryIO, layout: str, spec: TaskSpec, deployment: str, listener: Listener
) -> Iterator[Iterator[Row]]:
    """The rows of a file or stream; the listener hears what the reader had to repair or skip.

    ``layout`` is a reader's name, ``lines`` (one text a line), ``image`` (the file is one) or ``auto``.
    """
    with _opened(source, layout) as (path_or_stream, found):
        if found in WITHOUT_COLUMNS:
            yield WITHOUT_COLUMNS[found](path_or_stream, only_input(spec, deployment))
        else:
            yield iter(registry.load("readers", found)().rows(path_or_stream, _repairs(listener)))


def _repairs(listener: Listener) -> Listener:
    """A listener that passes on only what was repaired or skipped."""

    def hear(event: Event) -> None:
        if event.kind == "repair":
            listener(event)

    return hear


@contextmanager
def _opened(source: Path | BinaryIO, layout: str) -> Iterator[tuple[Any, str]]:
    """What to read and how: a stream that is not plain lines is first copied to a file for its reader."""
    if isinstance(source, Path):
        if not source.exists():
            raise NotFound(
                Text(f"There is no file {source}.", f"没有文件 {source}。"),
                Text("Check the path; - reads standard input.", "请检查路径；- 表示读取标准输入。"),
            )
        found = layout_of(source) if layout == "auto" else layout
        if found != "lines":
            yield source, found
            return
        with open(source, "rb") as file:
            yield file, found
        return
    head = source.readline()
    found = layout if layout != "auto" else "jsonl" if head.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") else "lines"
    if found == "lines":
        yield itertools.chain([head] if head else [], source), found
        return
    with tempfile.TemporaryDirectory() as folder:
        yield _spooled(head, source, Path(folder) / f"input.{found}"), found


def _spooled(head: bytes, stream: BinaryIO, path: Path) -> Path:
    with open(path, "wb") as file:
        file.write(head)
        shutil.copyfileobj(stream, file)
    return path


def layout_of(path: Path) -> str:
    """The reader that accepts the file or folder; a text file is lines, each a row; an image file is one row."""
    folder = path.is_dir()
    head = b"" if folder else _head(path)
    if not folder and path.suffix.lower() in SUFFIXES:
        return "image"
    if not folder and path.suffix.lower() in ("", ".txt"):
        return "lines"
    readers = ((name, registry.load("readers", name)()) for name in registry.names("readers"))
    accepting = (name for name, reader in readers if reader.folders == folder and reader.accepts(path, head))
    found = next(accepting, None if folder else "lines")
    if found is None:
        raise UnreadableFile(
            Text(f"{path} is a folder without images.", f"{path} 是不含图像的文件夹。"),
            Text("Give a file, or a folder of images.", "请提供文件，或图像文件夹。"),
        )
    return found


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(HEAD_BYTES)


def _image(path: Path, column: str) -> Iterator[Row]:
    yield {column: path}


def _lines(stream: Iterable[bytes], column: str) -> Iterator[Row]:
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise UnreadableFile(
                Text(
                    f"Line {number} is not UTF-8 (byte {error.start}).",
                    f"第 {number} 行不是 UTF-8（第 {error.start} 字节）。",
                ),
                ENCODING,
            ) from error
        yield {column: text.rstrip("\r\n")}


WITHOUT_COLUMNS: Mapping[str, Callable[[Any, str], Iterator[Row]]] = {"lines": _lines, "image": _image}


def only_input(spec: TaskSpec, deployment: str) -> str:
    """The column a plain line, or an image, is: the model's single input."""
    inputs = spec.inputs
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    columns = ", ".join(inputs.values())
    raise InvalidInput(
        Text(
            f"Plain lines have one column, but {deployment} reads {len(inputs)}: {columns}.",
            f"纯文本行只有一列，而 {deployment} 需要 {len(inputs)} 列：{columns}。",
        ),
        Text("Give JSON lines or CSV with these columns.", "请提供含这些列的 JSON 行或 CSV。"),
    )


def batches(rows: Iterable[Row]) -> Iterator[tuple[int, list[Row]]]:
    """Rows in batches, each with the number (from 1) of its first row."""
    remaining, first = iter(rows), 1
    while batch := list(itertools.islice(remaining, BATCH)):
        yield first, batch
        first += len(batch)


def key_of(row: Mapping[str, Any], column: str, number: int) -> str:
    value = row.get(column)
    if value is None or value == "":
        raise InvalidInput(
            Text(f"Row {number} has no key in the column {column!r}.", f"第 {number} 行的 {column!r} 列没有键。"),
            Text(f"Its columns are: {', '.join(row)}.", f"该行的列有：{'、'.join(row)}。"),
        )
    return str(value)


@contextmanager
def counted_from(first: int) -> Iterator[None]:
    """Errors about a row of a later batch say where the batch began."""
    try:
        yield
    except InvalidInput as error:
        if first == 1:
            raise
        problem = Text(f"Counting from row {first}: {error.problem.en}", f"从第 {first} 行起数：{error.problem.zh}")
        raise type(error)(problem, error.fix) from error
