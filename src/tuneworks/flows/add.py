"""Bring data in as a dataset version: files or rows, read, typed, stored whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneworks.core.asking import Row
from tuneworks.core.errors import InvalidConfig, InvalidInput
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Dataset, DatasetName
from tuneworks.core.workspace import Workspace
from tuneworks.flows.image_files import with_image_paths
from tuneworks.flows.names import DATASET, clean_name, must_be_name
from tuneworks.flows.rows import write_dataset
from tuneworks.flows.sources import expand, read_files, with_spans
from tuneworks.language.chats import with_answers
from tuneworks.serving.pictures import taken
from tuneworks.statistics.columns import typed

PREVIEW_ROWS = 5
SHOWN_CHARACTERS = 40


def add(
    *sources: str | Path | Sequence[Row],
    name: str | None = None,
    kinds: Mapping[str, str] | None = None,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> Dataset:
    """Store files (or rows) as a dataset and point its name at it.

    The name defaults to the file's, for several files to their folder's. Adding other rows under a name makes a new
    version whose parent is the old one; adding the same rows again changes nothing.
    """
    paths, given = _sorted_out(sources)
    given = with_image_paths(given, Path.cwd(), kinds or {})
    name = _name(name, paths)
    raw = given or read_files(paths, listener, kinds)
    columns, rows = typed(raw, kinds)
    _tell_missing(raw, rows, columns, listener)
    tell(listener, "preview", preview(columns, rows))
    if workspace is not None:
        return _store(workspace, rows, columns, name=name, uri=_uri(paths), listener=listener)
    with Workspace.open() as opened:
        return _store(opened, rows, columns, name=name, uri=_uri(paths), listener=listener)


def preview(columns: Sequence[Column], rows: Sequence[Row], shown: int = PREVIEW_ROWS) -> Text:
    """Columns with their kinds and the first rows, as a small table in plain text."""
    heading = " | ".join(f"{column.name} ({column.kind})" for column in columns)
    lines = [" | ".join(_short(row.get(column.name)) for column in columns) for row in rows[:shown]]
    table = "\n".join([heading, *lines])
    return Text(f"{len(rows)} rows:\n{table}", f"共 {len(rows)} 行：\n{table}")


def _sorted_out(sources: Sequence[str | Path | Sequence[Row]]) -> tuple[list[Path], list[dict[str, Any]]]:
    """The sources as paths, or as rows when all of them are rows."""
    paths = [path for source in sources if isinstance(source, (str, Path)) for path in expand(Path(source))]
    given = [row for source in sources if not isinstance(source, (str, Path)) for row in source]
    if bool(paths) == bool(given):
        raise InvalidInput(
            Text("Nothing to add: give files, or rows.", "没有可添加的内容：请提供文件或数据行。")
            if not paths
            else Text("Files and rows were given together.", "同时提供了文件和数据行。"),
            Text(
                'For example: add("tickets.csv") or add(rows, name="tickets")',
                '例如：add("tickets.csv") 或 add(rows, name="tickets")',
            ),
        )
    for number, row in enumerate(given, start=1):
        if not isinstance(row, Mapping) or not all(isinstance(key, str) for key in row):
            raise InvalidInput(
                Text(
                    f"Row {number} is {type(row).__name__}, not a mapping of column names.",
                    f"第 {number} 行不是以列名为键的映射。",
                ),
                Text(
                    'Give rows such as {"text": "...", "label": "..."}.',
                    '每一行应形如 {"text": "...", "label": "..."}。',
                ),
            )
    return paths, with_spans(with_answers([dict(row) for row in given]), "rows")


def _name(name: str | None, paths: Sequence[Path]) -> str:
    if name is None and not paths:
        raise InvalidConfig(
            Text("Rows need a name to be stored under.", "数据行需要一个名称才能存储。"),
            Text('Give one: name="tickets"', '请指定名称：name="tickets"'),
        )
    if name is None:
        return clean_name(paths[0].stem if len(paths) == 1 else paths[0].absolute().parent.name)
    return must_be_name(name, DATASET)


def _store(
    workspace: Workspace, rows: Sequence[Row], columns: Sequence[Column], *, name: str, uri: str, listener: Listener
) -> Dataset:
    pointer = workspace.store.get(DatasetName, name)
    parent = pointer.dataset_id if pointer else None
    rows = taken(workspace.blobs, rows, [column.name for column in columns if column.kind == "image"])
    dataset = write_dataset(workspace, rows, columns, uri=uri, parent_id=parent, name=name)
    short = dataset.id[:12]
    if parent == dataset.id:
        said = Text(
            f"{name} holds exactly these rows already ({short}).", f"{name} 已经包含完全相同的数据（{short}）。"
        )
    elif parent:
        said = Text(f"{name} has a new version {short}.", f"{name} 有了新版本 {short}。")
    else:
        said = Text(f"{name} was added as {short}.", f"已添加 {name}（{short}）。")
    tell(listener, "added", said)
    return dataset


def _uri(paths: Sequence[Path]) -> str:
    return " ".join(path.absolute().as_uri() for path in paths) or "rows:"


def _tell_missing(raw: Sequence[Row], rows: Sequence[Row], columns: Sequence[Column], listener: Listener) -> None:
    """Say how many written values, such as NaN, were read as missing."""
    for column in columns:
        count = sum(
            after[column.name] is None and before.get(column.name) not in (None, "")
            for before, after in zip(raw, rows, strict=True)
        )
        if count:
            en = f"Values of {column.name!r} such as NaN that were read as missing: {count}."
            tell(listener, "repair", Text(en, f"列 {column.name!r} 有 {count} 个 NaN 之类的值已按缺失读取。"))


def _short(value: Any) -> str:
    text = " ".join(_written(value).split())
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{s['start']}-{s['end']} {s['label']}" if "label" in s else str(s) for s in value)
    return "" if value is None else str(value)
