"""Archives of a workspace: a plain tar of its records, blobs, reports and checkpoints, and their hashes at its end.

::

    records.jsonl.gz     every record: its table and its columns, one a line
    blobs/<sha-256>      data, weights and everything else by content
    reports/..., checkpoints/...
    manifest.json        SHA-256 and size of all of these; an archive without it was cut off
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tuneworks.core.errors import NotFound, UnreadableFile
from tuneworks.core.text import Text

RECORDS, MANIFEST = "records.jsonl.gz", "manifest.json"
FORMAT = 1
CHUNK_BYTES = 1 << 20
MOST_MANIFEST_BYTES = 1 << 30
BLOB = re.compile(r"blobs/[0-9a-f]{64}")
FOLDERS = ("reports", "checkpoints")
AGAIN = Text(
    "Take another backup; where this is a copy, copy it again from where it came.",
    "请换用另一个备份；如果这是副本，请重新复制原文件。",
)


@dataclass(frozen=True)
class Contents:
    """What a whole archive holds: name -> its SHA-256 and size, and when and by what it was made."""

    files: Mapping[str, Mapping[str, Any]]
    made: str
    tuneworks: str

    @property
    def bytes(self) -> int:
        return sum(int(entry["size"]) for entry in self.files.values())


class Hashed:
    """A file that is read once, with the SHA-256 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self._digest.update(data)
        return data

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def verified(path: Path) -> Contents:
    """What an archive holds, each file's hash compared; raises ``UnreadableFile`` naming what is broken."""
    found: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    with members(path) as files:
        for member, file in files:
            if manifest is not None or member.name in found:
                raise _broken(path, Text(f"{member.name} should not be there", f"不应有 {member.name}"))
            if member.name == MANIFEST:
                manifest = _manifest(path, file)
            else:
                hashed = Hashed(file)
                while hashed.read(CHUNK_BYTES):
                    pass
                found[member.name] = {"sha256": hashed.sha256, "size": member.size}
    if manifest is None:
        raise _broken(path, Text("it was cut off", "文件不完整"))
    listed = manifest["files"]
    for name in sorted(found.keys() | listed.keys()):
        if found.get(name) != listed.get(name):
            raise _broken(path, Text(f"{name} is not what was stored", f"{name} 与存入时不同"))
    return Contents(listed, str(manifest["made"]), str(manifest["tuneworks"]))


@contextmanager
def members(path: Path) -> Iterator[Iterator[tuple[tarfile.TarInfo, IO[bytes]]]]:
    """The files of an archive in order: nothing but files, and none that could land outside a workspace."""
    if not path.is_file():
        raise NotFound(Text(f"There is no file {path}.", f"没有文件 {path}。"), Text("Check the path.", "请检查路径。"))
    try:
        with tarfile.open(path, "r:") as archive:
            yield _files_in(path, archive)
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise _broken(path, Text(f"it cannot be read ({error})", f"无法读取（{error}）")) from error


def _files_in(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    for member in archive:
        if not member.isreg() or not _is_known(member.name):
            raise _broken(path, Text(f"{member.name!r} has no place in it", f"其中不应有 {member.name!r}"))
        file = archive.extractfile(member)
        assert file is not None
        yield member, file


def _is_known(name: str) -> bool:
    parts = name.split("/")
    below = len(parts) > 1 and parts[0] in FOLDERS and not {"", ".", ".."} & set(parts)
    return name in (RECORDS, MANIFEST) or BLOB.fullmatch(name) is not None or (below and "\\" not in name)


def _manifest(path: Path, file: IO[bytes]) -> dict[str, Any]:
    try:
        told = json.loads(file.read(MOST_MANIFEST_BYTES))
        known = isinstance(told["files"], dict) and told["made"] and told["tuneworks"]
    except (ValueError, KeyError, TypeError) as error:
        raise _broken(path, Text(f"{MANIFEST} cannot be read", f"{MANIFEST} 无法读取")) from error
    if not known or told.get("format") != FORMAT:
        raise _broken(
            path, Text("it is not of a form that this Tuneworks knows", "其格式不为当前版本的 Tuneworks 所支持")
        )
    return dict(told)


def _broken(path: Path, reason: Text) -> UnreadableFile:
    return UnreadableFile(
        Text(f"{path} is no whole backup: {reason.en}.", f"{path} 不是完整的备份：{reason.zh}。"), AGAIN
    )
