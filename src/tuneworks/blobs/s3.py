"""Bytes as objects named by their SHA-256, in a bucket of S3 or of a store that speaks its protocol."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from tuneworks.core.errors import InvalidConfig, NotFound, Unavailable
from tuneworks.core.files import sha256_of_bytes, sha256_of_file, whole_file
from tuneworks.core.keeping import Blobs
from tuneworks.core.text import Text

ADDRESS = "TUNEWORKS_BLOBS"
ID = re.compile(r"[0-9a-f]{64}")
CHUNK_BYTES = 1 << 20
PART_BYTES = 8 << 20
PATIENCE: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
CLIENT: Any = {"timeout": "60s", "connect_timeout": "5s"}


class S3Blobs(Blobs):
    """Objects ``PREFIX/ab/abcd...``; what is read as a file is kept below ``folder`` on this machine.

    The address is ``s3://BUCKET/PREFIX``; keys, region and endpoint come from AWS's own environment variables.
    """

    shared = True

    def __init__(self, folder: Path, address: str | None = None) -> None:
        self.folder = folder
        self.address = address or os.environ.get(ADDRESS, "")
        self._bucket = _bucket(self.address)
        self._fetching = threading.Lock()

    def write(self, source: bytes | Path) -> str:
        """Store bytes or a file's content; an object is whole or absent. One that is there whole is not sent again."""
        id = sha256_of_bytes(source) if isinstance(source, bytes) else sha256_of_file(source)
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        with self._plain_errors(id):
            if self._size(id) != size:
                obstore.put(self._bucket, self._name(id), source, chunk_size=PART_BYTES)
        return id

    def read(self, id: str) -> bytes:
        """The bytes, verified; raises ``NotFound`` or ``Unavailable``."""
        with self._plain_errors(id):
            data = bytes(obstore.get(self._bucket, self._name(id)).bytes())
        if sha256_of_bytes(data) != id:
            raise self._damaged(id)
        return data

    def copy_to(self, id: str, path: Path) -> None:
        """Write the bytes, verified, to a file that is whole or absent."""
        with self._plain_errors(id):
            digest = hashlib.sha256()
            pieces = obstore.get(self._bucket, self._name(id)).stream(min_chunk_size=CHUNK_BYTES)
            with whole_file(path) as target:
                for piece in pieces:
                    digest.update(piece)
                    target.write(piece)
                if digest.hexdigest() != id:
                    raise self._damaged(id)

    def local(self, id: str) -> Path:
        """A copy on this machine, fetched once; raises ``NotFound`` where the bucket has none."""
        path = self.folder / self._name(id)
        with self._fetching, self._plain_errors(id):
            size = obstore.head(self._bucket, self._name(id))["size"]
            if not path.is_file() or path.stat().st_size != size:
                self.copy_to(id, path)
        return path

    def remove(self, id: str) -> None:
        """Forget the bytes; nothing happens where there are none."""
        name = self._name(id)
        with self._plain_errors(id):
            obstore.delete(self._bucket, name)
        (self.folder / name).unlink(missing_ok=True)

    def ids(self) -> Iterable[str]:
        """All ids held, in order."""
        with self._plain_errors(""):
            names = [entry["path"].rpartition("/")[2] for page in obstore.list(self._bucket) for entry in page]
        return sorted(name for name in names if ID.fullmatch(name))

    def _size(self, id: str) -> int | None:
        """How many bytes the object has, ``None`` where there is none."""
        try:
            return int(obstore.head(self._bucket, self._name(id))["size"])
        except (NotFoundError, FileNotFoundError):
            return None

    def _name(self, id: str) -> str:
        if not ID.fullmatch(id):
            raise self._absent(id)
        return f"{id[:2]}/{id}"

    @contextmanager
    def _plain_errors(self, id: str) -> Iterator[None]:
        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            raise self._absent(id) from error
        except BaseError as error:
            refused = isinstance(error, (PermissionDeniedError, UnauthenticatedError))
            raise self._unavailable(error, ADVICE[refused]) from error

    def _absent(self, id: str) -> NotFound:
        return NotFound(
            Text(f"There are no stored bytes {id!r} in {self.address}.", f"{self.address} 中没有已存内容 {id!r}。"),
            Text(
                f"Check {ADDRESS}; else bring the data in again, tune again, or restore a backup.",
                f"请检查 {ADDRESS}；否则请重新导入数据、重新微调，或从备份恢复。",
            ),
        )

    def _damaged(self, id: str) -> Unavailable:
        return Unavailable(
            Text(
                f"The object {id} in {self.address} is damaged: its bytes do not match its name.",
                f"{self.address} 中的对象 {id} 已损坏：内容与其名称不符。",
            ),
            Text(
                "Delete the object, then add the same data again or restore a backup.",
                "请删除该对象，然后重新导入同样的数据或从备份恢复。",
            ),
        )

    def _unavailable(self, error: BaseError, advice: Text) -> Unavailable:
        reason = str(error).strip().splitlines()[0]
        return Unavailable(
            Text(f"{self.address} cannot be used: {reason}", f"无法使用 {self.address}：{reason}"), advice
        )


ADVICE: Mapping[bool, Text] = {
    True: Text(
        "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do in this bucket.",
        "请检查 AWS_ACCESS_KEY_ID 与 AWS_SECRET_ACCESS_KEY，以及它们对该存储桶的权限。",
    ),
    False: Text(
        "Check AWS_ENDPOINT_URL and the network, then try again; an object is stored whole or not at all.",
        "请检查 AWS_ENDPOINT_URL 和网络后重试；对象要么完整保存，要么不保存。",
    ),
}
"""What to do, by whether the store refused who asked."""


def _bucket(address: str) -> S3Store:
    parts = urlsplit(address)
    if parts.scheme != "s3" or not parts.netloc or parts.username or parts.query:
        raise InvalidConfig(
            Text(f"{address!r} is not the address of a bucket.", f"{address!r} 不是有效的存储桶地址。"),
            Text(
                f"Set {ADDRESS} to s3://BUCKET/PREFIX; keys belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
                f"请将 {ADDRESS} 设为 s3://存储桶/前缀；密钥请写入 AWS_ACCESS_KEY_ID 与 AWS_SECRET_ACCESS_KEY。",
            ),
        )
    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        client_options={**CLIENT, "allow_http": plain},
        retry_config=PATIENCE,
    )
