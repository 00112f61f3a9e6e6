"""Keep a whole workspace in one file, while it is served and written to: consistent, with every byte's hash."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from tuneworks.core.clock import now
from tuneworks.core.errors import Conflict, NotFound, Unavailable
from tuneworks.core.events import Listener, counted, silent
from tuneworks.core.files import sha256_of_file, staged_beside, sync_folder
from tuneworks.core.records import from_json
from tuneworks.core.text import Text
from tuneworks.core.types import Dataset, Deployment, ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.archives import FOLDERS, FORMAT, MANIFEST, RECORDS, Hashed

ATTEMPTS = 5
COPYING = Text("Copying", "正在复制")


@dataclass(frozen=True)
class Backup:
    """A finished backup: where it lies, the SHA-256 of the whole file, and how much is in it."""

    file: Path
    sha256: str
    bytes: int
    records: int
    blobs: int


class _Vanished(Exception):
    """Something was deleted between the records and the blobs they speak of."""


def backup(file: str | Path, *, workspace: Workspace | None = None, listener: Listener = silent) -> Backup:
    """Write the workspace's records of this moment, and all they speak of, to a file that is whole or absent.

    Left out is what can be made again (model folders, caches) and what is secret (tokens). Raises ``Conflict`` where
    the file exists, ``Unavailable`` where something that is stored is damaged.
    """
    workspace, path = workspace or Workspace.open(), Path(file).absolute()
    if path.exists():
        raise Conflict(
            Text(f"{path} exists already.", f"{path} 已存在。"),
            Text("Choose another name; nothing is overwritten.", "请换一个文件名；不会覆盖已有文件。"),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = staged_beside(path)
    try:
        records, blobs = _written(workspace, staged, listener)
        os.link(staged, path)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        staged.unlink(missing_ok=True)
    sync_folder(path.parent)
    return Backup(path, sha256_of_file(path), path.stat().st_size, records, blobs)


def _written(workspace: Workspace, staged: Path, listener: Listener) -> tuple[int, int]:
    """The archive, begun anew where something was deleted meanwhile."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _Archive(staged).write(workspace, listener)
        except _Vanished as error:
            if attempt == ATTEMPTS:
                raise Unavailable(
                    Text(f"{error} is spoken of, but not there.", f"记录中提到的 {error} 已不存在。"),
                    Text(
                        "See what is amiss: tuneworks doctor. While somebody deletes much, wait until that is done.",
                        "请运行 tuneworks doctor 查看问题；如有人正在大量删除，请等其完成。",
                    ),
                ) from error
    raise AssertionError("the last attempt returns or raises")


class _Archive:
    """One attempt at an archive."""

    def __init__(self, staged: Path) -> None:
        self._staged = staged
        self._files: dict[str, dict[str, Any]] = {}
        self._spoken_of: set[str] = set()

    def write(self, workspace: Workspace, listener: Listener) -> tuple[int, int]:
        """Records first: what they speak of was stored before them."""
        with open(self._staged, "wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            with tempfile.TemporaryFile(dir=self._staged.parent) as spool:
                records = self._records(workspace, tar, spool)
            ids = list(workspace.blobs.ids())
            if vanished := sorted(self._spoken_of - set(ids)):
                raise _Vanished(vanished[0])
            for id in counted(ids, listener, COPYING):
                self._blob(workspace, tar, id)
            for path, name in _kept_files(workspace.root):
                self._file(tar, path, name)
            self._manifest(tar)
            tar.close()
            file.flush()
            os.fsync(file.fileno())
        return records, len(ids)

    def _records(self, workspace: Workspace, tar: tarfile.TarFile, spool: IO[bytes]) -> int:
        records = 0
        with gzip.GzipFile(fileobj=spool, mode="wb", compresslevel=6, mtime=0) as packed:
            for kind, row in workspace.store.copy_out():
                records += 1
                if kind in SPOKEN_OF:
                    self._spoken_of.update(SPOKEN_OF[kind](row["body"]))
                packed.write(json.dumps((kind, row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        size = spool.tell()
        spool.seek(0)
        self._add(tar, RECORDS, spool, size)
        return records

    def _blob(self, workspace: Workspace, tar: tarfile.TarFile, id: str) -> None:
        try:
            path = workspace.blobs.local(id)
            with open(path, "rb") as file:
                sha256 = self._add(tar, f"blobs/{id}", file, os.fstat(file.fileno()).st_size)
        except (FileNotFoundError, NotFound) as error:
            raise _Vanished(id) from error
        if sha256 != id:
            raise Unavailable(
                Text(f"The stored bytes {id} are damaged.", f"已存内容 {id} 已损坏。"),
                Text(
                    "See what they belong to and how to mend it: tuneworks doctor",
                    "请运行 tuneworks doctor，查看其所属内容与修复方法。",
                ),
            )

    def _file(self, tar: tarfile.TarFile, path: Path, name: str) -> None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return  # a checkpoint or report that was replaced meanwhile; its successor is whole or not yet there
        self._add(tar, name, BytesIO(data), len(data))

    def _manifest(self, tar: tarfile.TarFile) -> None:
        told = {"format": FORMAT, "made": now(), "tuneworks": version("tuneworks"), "files": self._files}
        data = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        self._add(tar, MANIFEST, BytesIO(data), len(data))

    def _add(self, tar: tarfile.TarFile, name: str, file: IO[bytes], size: int) -> str:
        member, hashed = tarfile.TarInfo(name), Hashed(file)
        member.size = size
        tar.addfile(member, hashed)
        self._files[name] = {"sha256": hashed.sha256, "size": size}
        return hashed.sha256


def _compiled(body: str) -> list[str]:
    deployment = from_json(Deployment, body)
    served = (deployment.champion, deployment.challenger, *deployment.previous)
    return [blob for one in served if one is not None for blob in one.compiled.values()]


SPOKEN_OF: Mapping[str, Callable[[str], Iterable[str]]] = {
    "Dataset": lambda body: [from_json(Dataset, body).id],
    "ModelVersion": lambda body: from_json(ModelVersion, body).parts.values(),
    "Deployment": _compiled,
}
"""Of which records which blobs cannot be missing."""


def _kept_files(root: Path) -> Iterator[tuple[Path, str]]:
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in relative.parts):
                yield path, relative.as_posix()


def _unwritten(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        Text(f"{path} cannot be written: {error.strerror}.", f"无法写入 {path}：{error.strerror}。"),
        Text(
            "Choose a folder with leave to write and room enough; nothing half-written is kept.",
            "请选择可写且空间足够的文件夹；不会保留写了一半的内容。",
        ),
    )
