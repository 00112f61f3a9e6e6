"""Bring a backup back into a workspace that holds nothing: all of it, or nothing of it."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tuneworks.core.errors import Conflict, Unavailable, UnreadableFile
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.files import write_atomically
from tuneworks.core.text import Text
from tuneworks.core.working import working_folder
from tuneworks.core.workspace import Workspace
from tuneworks.flows.archives import FOLDERS, RECORDS, Contents, members, verified

COPYING = Text("Copying", "正在复制")


@dataclass(frozen=True)
class Restored:
    """What was brought back, and of when it is."""

    made: str
    records: int
    blobs: int


def restore(file: str | Path, *, workspace: Workspace | None = None, listener: Listener = silent) -> Restored:
    """Fill an empty workspace from a backup whose every byte was verified first; records come last, all at once.

    Raises ``UnreadableFile`` for a broken archive and ``Conflict`` where the workspace holds anything: nothing is
    overwritten. A restore that was cut off is done again the same way.
    """
    workspace, path = workspace or Workspace.open(), Path(file).absolute()
    contents = verified(path)
    _must_be_empty(workspace, contents)
    _must_have_room(workspace, contents)
    with working_folder(workspace.working) as folder:
        records = folder / RECORDS
        blobs = _spread(workspace, path, contents, records, listener)
        return Restored(contents.made, workspace.store.copy_in(_rows(path, records)), blobs)


def _spread(workspace: Workspace, path: Path, contents: Contents, records: Path, listener: Listener) -> int:
    """Every file but the records to where it belongs; the number of blobs."""
    blobs, total = 0, len(contents.files)
    with members(path) as files:
        for step, (member, file) in enumerate(files, start=1):
            kind, _, name = member.name.partition("/")
            if kind == "blobs":
                _keep(workspace, name, file, records.with_name("blob"))
                blobs += 1
            elif member.name == RECORDS:
                with open(records, "wb") as target:
                    shutil.copyfileobj(file, target)
            elif name:
                write_atomically(workspace.root / member.name, file.read())
            advance(listener, COPYING, min(step, total), total)
    return blobs


def _keep(workspace: Workspace, id: str, file: IO[bytes], spool: Path) -> None:
    with open(spool, "wb") as target:
        shutil.copyfileobj(file, target)
    if workspace.blobs.write(spool) != id:
        raise UnreadableFile(
            Text(f"The archive changed while it was read (blobs/{id}).", f"归档在读取过程中发生变化（blobs/{id}）。"),
            Text("Copy it to this machine and try again.", "请将其复制到本机后重试。"),
        )


def _rows(path: Path, records: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with gzip.open(records, "rt", encoding="utf-8") as lines:
            for line in lines:
                table, row = json.loads(line)
                yield table, row
    except (OSError, EOFError, ValueError) as error:
        raise UnreadableFile(
            Text(f"The records in {path} cannot be read: {error}", f"无法读取 {path} 中的记录：{error}"),
            Text("Take another backup.", "请换用另一个备份。"),
        ) from error


def _must_be_empty(workspace: Workspace, contents: Contents) -> None:
    """Refuse where there is a record, or bytes that are not the archive's own from a restore that was cut off."""
    kind = next((kind for kind, _ in workspace.store.copy_out()), None)
    blobs = (f"blobs/{id}" for id in workspace.blobs.ids())
    paths = (
        path for folder in (*FOLDERS, workspace.models.name, "files") for path in (workspace.root / folder).rglob("*")
    )
    files = (path.relative_to(workspace.root).as_posix() for path in paths if path.is_file())
    what = kind or next((name for name in (*blobs, *files) if name not in contents.files), None)
    if what is None:
        return
    raise Conflict(
        Text(
            f"The workspace {workspace.address} is not empty (it holds {what}); nothing was changed.",
            f"工作区 {workspace.address} 不为空（含有 {what}）；未作任何更改。",
        ),
        Text("Restore into an empty one: --workspace PATH", "请恢复到空的工作区：--workspace 路径"),
    )


def _must_have_room(workspace: Workspace, contents: Contents) -> None:
    free = shutil.disk_usage(workspace.root).free
    if contents.bytes > free:
        raise Unavailable(
            Text(
                f"The backup needs {contents.bytes / 2**20:.0f} MB; {free / 2**20:.0f} MB are free.",
                f"备份需要 {contents.bytes / 2**20:.0f} MB；仅剩 {free / 2**20:.0f} MB。",
            ),
            Text("Free some disk space; nothing was changed.", "请释放磁盘空间；未作任何更改。"),
        )
