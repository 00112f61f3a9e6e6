"""A dataset's rows as bytes and back: one JSON line of columns, then one compact JSON array a row.

The bytes are canonical, so the blob's id is the dataset's id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tuneworks.core.clock import now
from tuneworks.core.errors import InvalidInput, UnsuitableData
from tuneworks.core.files import sha256_of_bytes
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Dataset, DatasetName
from tuneworks.core.workspace import Workspace
from tuneworks.serving.pictures import known

Row = Mapping[str, Any]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def write_dataset(
    workspace: Workspace,
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    uri: str,
    parent_id: str | None = None,
    name: str | None = None,
) -> Dataset:
    """Store rows as a dataset (and point ``name`` at it): all of it, or nothing.

    The same rows and columns are the same dataset, whenever and from wherever they came.
    """
    data = canonical_bytes(rows, columns)
    id = sha256_of_bytes(data)
    known = workspace.store.get(Dataset, id)
    dataset = known or Dataset(id, uri, tuple(columns), len(rows), now(), parent_id)
    revision = workspace.store.revision(DatasetName, name) if name else 0
    new: list[Dataset | DatasetName] = [] if known else [dataset]
    if name and not _points_at(workspace, name, id):
        new.append(DatasetName(name, id, now()))
    workspace.blobs.write(data)
    try:
        if new:
            workspace.store.put(*new, expect={name: revision} if name else None)
    except BaseException:
        if workspace.store.get(Dataset, id) is None:
            workspace.blobs.remove(id)
        raise
    return dataset


def read_rows(workspace: Workspace, dataset: Dataset) -> list[dict[str, Any]]:
    """The dataset's rows, column name -> value; an image is a ``Picture``."""
    rows = stored_rows(workspace, dataset)
    images = [column.name for column in dataset.columns if column.kind == "image"]
    return known(workspace.blobs, rows, images) if images else rows


def stored_rows(workspace: Workspace, dataset: Dataset) -> list[dict[str, Any]]:
    """The dataset's rows as they are stored; an image is its name alone."""
    lines = workspace.blobs.read(dataset.id).decode("utf-8").rstrip("\n").split("\n")
    names = [name for name, _ in json.loads(lines[0])["columns"]]
    return [dict(zip(names, cells, strict=True)) for cells in json.loads(f"[{','.join(lines[1:])}]")]


def _points_at(workspace: Workspace, name: str, id: str) -> bool:
    pointer = workspace.store.get(DatasetName, name)
    return pointer is not None and pointer.dataset_id == id


def canonical_bytes(rows: Sequence[Row], columns: Sequence[Column]) -> bytes:
    """The stored form of rows; raises ``UnsuitableData`` where there are none."""
    if not rows or not columns:
        raise UnsuitableData(
            Text("There are no rows to store.", "没有可存储的数据行。"),
            Text("Give at least one row with one column.", "请至少提供一行一列的数据。"),
        )
    return b"".join(_lines(rows, columns))


def _lines(rows: Sequence[Row], columns: Sequence[Column]) -> Iterator[bytes]:
    yield f"{_encode({'columns': [[column.name, column.kind] for column in columns]})}\n".encode()
    names = [column.name for column in columns]
    for number, row in enumerate(rows, start=1):
        try:
            yield f"{_encode([row.get(name) for name in names])}\n".encode()
        except UnicodeEncodeError as error:
            raise _half_character(number, error) from None


def _half_character(number: int, error: UnicodeEncodeError) -> InvalidInput:
    code = f"\\u{ord(error.object[error.start]):04x}"
    return InvalidInput(
        Text(
            f"Row {number} holds half of a character ({code}), which is no text.",
            f"第 {number} 行含有半个字符（{code}），不是合法文本。",
        ),
        Text(
            "Write the whole character; it was cut when the file was made.",
            "请写出完整的字符；它在生成文件时被截断了。",
        ),
    )
