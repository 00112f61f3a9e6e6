"""Files as raw rows: the reader that accepts a file, and the split its name says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.asking import Reader
from tuneworks.core.errors import InvalidInput, UnreadableFile
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import Event
from tuneworks.flows.image_files import with_image_paths
from tuneworks.language.tags import repaired_tags
from tuneworks.language.text_files import missing_file, unreadable
from tuneworks.statistics.splits import SPLIT_COLUMNS, WORDS
from tuneworks.statistics.tokens import has_tokens, text_with_spans

Row = Mapping[str, Any]

HEAD_BYTES = 65_536
DATA_SUFFIXES = {".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".conll", ".bio", ".parquet", ".xlsx"}


def read_files(
    paths: Sequence[Path], listener: Listener = silent, kinds: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The rows of all files; where their names say train, validation or test, a column ``split`` says so too.

    Names of image files become paths, taken from the folder of the file that names them.
    """
    tables = [with_image_paths(read_file(path, listener), path.parent, kinds or {}) for path in paths]
    _must_agree(paths, tables)
    splits = [split_of(path) for path in paths]
    own_column = any(name.casefold() in SPLIT_COLUMNS for name in tables[0][0])
    if len(paths) == 1 or not any(splits) or own_column:
        return [row for table in tables for row in table]
    for path, split in zip(paths, splits, strict=True):
        if split is None:
            tell(listener, "repair", Text(f"{path}: taken as training rows.", f"{path}：作为训练数据。"))
    return [{**row, "split": split or "train"} for table, split in zip(tables, splits, strict=True) for row in table]


def read_file(path: Path, listener: Listener = silent) -> list[dict[str, Any]]:
    """The rows of one file, tokens with tags as text with spans."""
    heard = _naming(path, listener)
    rows = [dict(row) for row in reader_of(path).rows(path, heard)]
    if not rows:
        raise unreadable(
            path,
            Text("there are no rows.", "没有数据行。"),
            Text("Give a file with rows in it.", "请提供含有数据行的文件。"),
        )
    return with_spans(rows, str(path), heard)


def with_spans(rows: list[dict[str, Any]], source: str, listener: Listener = silent) -> list[dict[str, Any]]:
    """Rows of tokens and tags as text and spans; other rows as they are."""
    tags = has_tokens(rows)
    if tags is None:
        return rows
    try:
        made, repaired = text_with_spans(rows, tags)
    except InvalidInput as error:
        problem = Text(f"{source}: {error.problem.en}", f"{source}：{error.problem.zh}")
        raise InvalidInput(problem, error.fix) from None
    if repaired:
        tell(listener, "repair", repaired_tags(repaired))
    return made


def reader_of(path: Path) -> Reader:
    """The first reader that accepts the file by its name and its beginning, or the folder."""
    folder = path.is_dir()
    head = b"" if folder else _head(path)
    for name in registry.names("readers"):
        reader: Reader = registry.load("readers", name)()
        if reader.folders == folder and reader.accepts(path, head):
            return reader
    raise unreadable(
        path,
        Text(
            f"no reader knows files that end in {path.suffix or '-'}.",
            f"没有可读取 {path.suffix or '-'} 文件的读取器。",
        ),
        Text(
            "Save the data as CSV UTF-8 (.csv), JSON lines (.jsonl), Excel (.xlsx), Parquet (.parquet) or CoNLL "
            "columns (.conll).",
            "请将数据保存为 CSV UTF-8（.csv）、JSON Lines（.jsonl）、Excel（.xlsx）、Parquet（.parquet）"
            "或 CoNLL 列格式（.conll）。",
        ),
    )


def expand(path: Path) -> list[Path]:
    """A file as itself; a folder as its train, validation and test files, or as itself for a reader of folders."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in DATA_SUFFIXES and file.is_file())
    named = [file for file in files if split_of(file)]
    if named:
        return sorted(named, key=lambda file: (list(WORDS.values()).index(split_of(file) or "train"), file.name))
    if _readable_whole(path):
        return [path]
    listed = ", ".join(file.name for file in files[:10]) or "-"
    raise UnreadableFile(
        Text(
            f"{path} is a folder without train, validation or test files. Data files in it: {listed}.",
            f"{path} 是文件夹，其中没有 train、validation 或 test 文件。其中的数据文件：{listed}。",
        ),
        Text("Give the files one by one.", "请逐个给出文件。"),
    )


def _readable_whole(folder: Path) -> bool:
    """Whether a reader reads the folder itself."""
    readers = (registry.load("readers", name)() for name in registry.names("readers"))
    return any(reader.folders and reader.accepts(folder, b"") for reader in readers)


def split_of(path: Path) -> str | None:
    """The split a file's name speaks of, if exactly one.

    >>> split_of(Path("data/dev.jsonl")), split_of(Path("banking_train.csv")), split_of(Path("tickets.csv"))
    ('validation', 'train', None)
    """
    said = {WORDS[word] for word in re.split(r"[^a-z]+", path.stem.casefold()) if word in WORDS}
    return said.pop() if len(said) == 1 else None


def _naming(path: Path, listener: Listener) -> Listener:
    """The listener, told of which file each message speaks."""

    def hear(event: Event) -> None:
        message = Text(f"{path.name}: {event.message.en}", f"{path.name}：{event.message.zh}")
        listener(replace(event, message=message))

    return hear


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEAD_BYTES)
    except FileNotFoundError:
        raise missing_file(path) from None
    except OSError as error:
        raise unreadable(
            path,
            Text(f"the file cannot be opened: {error.strerror}.", f"无法打开文件：{error.strerror}。"),
            Text("Check that you may read it: ls -l", "请检查您是否有读取权限：ls -l"),
        ) from error


def _must_agree(paths: Sequence[Path], tables: Sequence[Sequence[Row]]) -> None:
    first = _names(tables[0])
    for path, table in zip(paths[1:], tables[1:], strict=True):
        names = _names(table)
        if names.keys() != first.keys():
            raise UnreadableFile(
                Text(
                    f"{path} has the columns {', '.join(names)}; {paths[0]} has {', '.join(first)}.",
                    f"{path} 的列是 {'、'.join(names)}；而 {paths[0]} 的列是 {'、'.join(first)}。",
                ),
                Text(
                    "Files added together need the same columns: rename or remove those that differ.",
                    "一起添加的文件必须有相同的列：请改名或删除不同的列。",
                ),
            )


def _names(table: Sequence[Row]) -> dict[str, None]:
    return dict.fromkeys(name for row in table for name in row)
