"""What lies in a pack: one tar of one folder, ``SHA256SUMS`` for all of its files, and how they are read again.

::

    NAME/install.sh          installs without a network: sh install.sh [FOLDER]
    NAME/wheels/*.whl        Tuneworks and all it needs for this model
    NAME/workspace.backup    the deployment, its version and its bytes
    NAME/pack.json           what it serves, and for which Python and machine it was made
    NAME/tuneworks.service   a systemd unit
    NAME/Containerfile       for podman or docker
    NAME/SHA256SUMS          of all others
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
import sysconfig
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tuneworks.core.errors import NotFound, UnreadableFile
from tuneworks.core.records import from_plain
from tuneworks.core.text import Text

SUMS, CARD, WORKSPACE = "SHA256SUMS", "pack.json", "workspace.backup"
FORMAT = 1
CHUNK_BYTES = 1 << 20
MOST_TOLD_BYTES = 1 << 24
SUM = re.compile(r"([0-9a-f]{64})  (\S.*)")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*(/[A-Za-z0-9][A-Za-z0-9._+!-]*)?")


@dataclass(frozen=True)
class PackCard:
    """What a pack serves, and where it can be installed."""

    deployment: str
    version: str
    made: str
    tuneworks: str
    python: str
    machine: str
    format: int = FORMAT


@dataclass(frozen=True)
class Pack:
    """A pack whose every byte was compared: its files (name -> bytes), and what it says of itself."""

    file: Path
    folder: str
    card: PackCard
    files: Mapping[str, int]


def here() -> tuple[str, str]:
    """The Python that wheels here are made for (such as ``3.11``), and the kind of machine."""
    major, minor = sys.version_info[:2]
    return f"{major}.{minor}", f"{platform.system()} {sysconfig.get_platform().rpartition('-')[2]}"


def compared(path: Path) -> Pack:
    """A pack, each file's hash compared; raises ``UnreadableFile`` naming what is missing, extra or changed."""
    sums: dict[str, str] = {}
    sizes: dict[str, int] = {}
    told: dict[str, bytes] = {}
    folders: set[str] = set()
    with _members(path) as members:
        for folder, name, file, size in members:
            folders.add(folder)
            if name in sums or len(folders) > 1:
                raise broken(path, Text(f"{name} should not be there", f"不应有 {name}"))
            sums[name], told[name] = _read(file, keep=name in (SUMS, CARD))
            sizes[name] = size
    listed = _listed(path, told.get(SUMS))
    sums.pop(SUMS, None)
    for name in sorted(sums.keys() | listed.keys()):
        if sums.get(name) != listed.get(name):
            raise broken(path, Text(f"{name} is not what was packed", f"{name} 与打包时不同"))
    return Pack(path, folders.pop(), _card(path, told.get(CARD)), sizes)


@contextmanager
def opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """One file of a pack that was compared."""
    with _members(path) as members:
        file = next((file for _, found, file, _ in members if found == name), None)
        if file is None:
            raise broken(path, Text(f"{name} is missing", f"缺少 {name}"))
        yield file


def broken(path: Path, reason: Text) -> UnreadableFile:
    return UnreadableFile(
        Text(f"{path} is no whole pack: {reason.en}.", f"{path} 不是完整的离线包：{reason.zh}。"),
        Text("Copy it again from where it came, or pack again.", "请重新复制该文件，或重新打包。"),
    )


Members = Iterator[tuple[str, str, IO[bytes], int]]


@contextmanager
def _members(path: Path) -> Iterator[Members]:
    """Folder, name below it, content and size of each file; whatever cannot be read meanwhile is a broken pack."""
    if not path.is_file():
        raise NotFound(Text(f"There is no file {path}.", f"没有文件 {path}。"), Text("Check the path.", "请检查路径。"))
    try:
        with tarfile.open(path, "r:") as archive:
            yield _plain_files(path, archive)
    except (tarfile.TarError, EOFError, OSError, UnicodeError) as error:
        raise broken(path, Text(f"it cannot be read ({error})", f"无法读取（{error}）")) from error


def _plain_files(path: Path, archive: tarfile.TarFile) -> Members:
    """Nothing but files, each with a plain name below one folder."""
    for member in archive:
        folder, _, name = member.name.partition("/")
        if not (member.isreg() and NAME.fullmatch(folder) and "/" not in folder and NAME.fullmatch(name)):
            raise broken(path, Text(f"{member.name!r} has no place in it", f"其中不应有 {member.name!r}"))
        file = archive.extractfile(member)
        assert file is not None
        yield folder, name, file, member.size


def _read(file: IO[bytes], *, keep: bool) -> tuple[str, bytes]:
    """The SHA-256 of a file, and its bytes where they are to be kept and are not too many."""
    digest, kept = hashlib.sha256(), b""
    while piece := file.read(CHUNK_BYTES):
        digest.update(piece)
        if keep and len(kept) < MOST_TOLD_BYTES:
            kept += piece
    return digest.hexdigest(), kept


def _listed(path: Path, data: bytes | None) -> dict[str, str]:
    lines = [] if data is None else data.decode("utf-8", "replace").splitlines()
    found = [SUM.fullmatch(line) for line in lines]
    if not found or not all(found):
        raise broken(path, Text(f"{SUMS} is missing or cannot be read", f"{SUMS} 缺失或无法读取"))
    return {match[2]: match[1] for match in found if match}


def _card(path: Path, data: bytes | None) -> PackCard:
    try:
        told: dict[str, Any] = json.loads(data or b"")
        card = from_plain(PackCard, told)
    except (ValueError, TypeError, KeyError) as error:
        raise broken(path, Text(f"{CARD} cannot be read", f"{CARD} 无法读取")) from error
    if card.format != FORMAT:
        raise broken(path, Text("it was made by another Tuneworks", "它由其他版本的 Tuneworks 生成"))
    return card
