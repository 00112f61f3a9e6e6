"""Bytes in files named by their SHA-256, below one folder."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tuneworks.core.errors import NotFound, Unavailable
from tuneworks.core.files import sha256_of_bytes, sha256_of_file, staged_beside, sync_folder
from tuneworks.core.keeping import Blobs
from tuneworks.core.text import Text

CHUNK_BYTES = 1 << 20
REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
ID = re.compile(r"[0-9a-f]{64}")


class LocalBlobs(Blobs):
    """``blobs/ab/abcd...``: a file is whole and flushed to disk before it has its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, source: bytes | Path) -> str:
        """Store bytes or a file's content durably; a blob that is there and intact is not written again."""
        id = sha256_of_bytes(source) if isinstance(source, bytes) else sha256_of_file(source)
        if self._is_intact(id):
            return id
        with (
            _plain_errors(self.folder),
            io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file,
        ):
            return self._keep(file)

    def read(self, id: str) -> bytes:
        """The bytes, verified; raises ``NotFound`` or ``Unavailable``."""
        with self._opened(id) as file:
            data = file.read()
        if sha256_of_bytes(data) != id:
            raise _damaged(id, self._path(id))
        return data

    def copy_to(self, id: str, path: Path) -> None:
        """Write the bytes, verified, to a file that is whole or absent."""
        with self._opened(id) as file, _plain_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            with _staged(path) as staged:
                if _copy(file, staged) != id:
                    raise _damaged(id, self._path(id))
                os.replace(staged, path)
            sync_folder(path.parent)

    def local(self, id: str) -> Path:
        """The stored file itself; raises ``NotFound`` where there is none."""
        path = self._path(id)
        if not path.is_file():
            raise _absent(id)
        return path

    def remove(self, id: str) -> None:
        """Forget the bytes; nothing happens where there are none."""
        with _plain_errors(self.folder):
            self._path(id).unlink(missing_ok=True)

    def ids(self) -> Iterable[str]:
        """All ids held, in order."""
        return sorted(path.name for path in self.folder.glob("??/*") if ID.fullmatch(path.name))

    def _keep(self, file: BinaryIO) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        with _staged(self.folder / "incoming") as staged:
            id = _copy(file, staged)
            path = self._path(id)
            if not path.parent.is_dir():
                path.parent.mkdir(exist_ok=True)
                sync_folder(self.folder)
            os.replace(staged, path)
        sync_folder(path.parent)
        return id

    def _is_intact(self, id: str) -> bool:
        path = self._path(id)
        return path.is_file() and sha256_of_file(path) == id

    def _path(self, id: str) -> Path:
        if not ID.fullmatch(id):
            raise _absent(id)
        return self.folder / id[:2] / id

    @contextmanager
    def _opened(self, id: str) -> Iterator[BinaryIO]:
        try:
            file = open(self._path(id), "rb")  # noqa: SIM115  (closed below; only the opening may be a NotFound)
        except FileNotFoundError as error:
            raise _absent(id) from error
        with file:
            yield file


def _copy(file: BinaryIO, staged: Path) -> str:
    """Copy to ``staged`` piece by piece, flushed to disk; the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    with open(staged, "xb") as target:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest()


@contextmanager
def _staged(path: Path) -> Iterator[Path]:
    staged = staged_beside(path)
    try:
        yield staged
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        raise Unavailable(
            Text(f"Cannot write below {folder}: {error.strerror}.", f"无法写入 {folder}：{error.strerror}。"),
            Text(
                "Free some disk space or check your permissions, then try again; nothing half-written is kept.",
                "请释放磁盘空间或检查权限后重试；不会保留写了一半的内容。",
            ),
        ) from error


def _absent(id: str) -> NotFound:
    return NotFound(
        Text(f"There are no stored bytes {id!r}.", f"未找到已存内容 {id!r}。"),
        Text(
            "Bring the data in again (tuneworks add), tune again, or restore a backup of the workspace.",
            "请重新导入数据（tuneworks add）、重新微调，或从备份恢复工作区。",
        ),
    )


def _damaged(id: str, path: Path) -> Unavailable:
    return Unavailable(
        Text(
            f"The stored file {path} is damaged: its bytes no longer match its name.",
            f"已存文件 {path} 已损坏：内容与其名称不符。",
        ),
        Text(
            "Check the disk; then add the same data again (tuneworks add mends a damaged file) or restore a backup.",
            "请检查磁盘，然后重新导入同样的数据（tuneworks add 会修复损坏的文件），或从备份恢复。",
        ),
    )
