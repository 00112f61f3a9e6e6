"""Records that hold what people sent are encrypted where a key is given: AES-256-GCM, bound to the record they are of.

Keys are 32 bytes in base64: ``TUNEWORKS_ENCRYPTION_KEY``, several with commas between them, or a file with one a line,
``TUNEWORKS_ENCRYPTION_KEY_FILE``. The first one encrypts; all of them decrypt, so that a new one can be put first.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuneworks.core import registry, types
from tuneworks.core.errors import InvalidConfig, Unavailable
from tuneworks.core.replies import Reply
from tuneworks.core.text import Text

VARIABLE = "TUNEWORKS_ENCRYPTION_KEY"
FILE_VARIABLE = "TUNEWORKS_ENCRYPTION_KEY_FILE"
MARK = "tw1:"
KEY_BYTES, NONCE_BYTES = 32, 12
ENCRYPTED = (types.Prediction, types.Feedback, types.Shadow, Reply)
HOW = Text("Make a key: openssl rand -base64 32", "请生成密钥：openssl rand -base64 32")


class Cipher:
    """Turns the bodies of records into what only the keys can read, and back."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {name: _aes(key) for name, key in keys.items()}
        self._newest = next(iter(keys), None)

    @classmethod
    def from_environment(cls) -> Cipher:
        """With the keys that are given, which may be none."""
        return cls({_name(key): key for key in map(_key, _given())})

    @property
    def mark(self) -> str | None:
        """How bodies under the newest key begin; nothing where no key is given."""
        return f"{MARK}{self._newest}:" if self._newest else None

    def closed(self, kind: type, id: str, body: str) -> str:
        """The body as it is stored."""
        if self._newest is None or kind not in ENCRYPTED:
            return body
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, body.encode(), _bound(kind, id))
        return f"{self.mark}{base64.b64encode(nonce + sealed).decode()}"

    def opened(self, kind: type, id: str, stored: str) -> str:
        """The body that was stored; raises ``Unavailable`` where its key is not given, or it was changed."""
        if not stored.startswith(MARK):
            return stored
        name, _, content = stored.removeprefix(MARK).partition(":")
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise _no_key(kind, id, name)
        sealed = base64.b64decode(content)
        try:
            body: bytes = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(kind, id))
        except Exception as error:
            raise _changed(kind, id) from error
        return body.decode()


def _aes(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError as error:
        raise registry.missing_extra("cryptography") from error
    return AESGCM(key)


def _bound(kind: type, id: str) -> bytes:
    """What a body belongs to: put beside another record's id it cannot be read."""
    return f"{kind.__name__}:{id}".encode()


def _given() -> list[str]:
    file = os.environ.get(FILE_VARIABLE)
    if file is None:
        return [word.strip() for word in os.environ.get(VARIABLE, "").split(",") if word.strip()]
    try:
        return Path(file).read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        raise InvalidConfig(
            Text(f"The key file {file} cannot be read.", f"无法读取密钥文件 {file}。"),
            Text(f"Check {FILE_VARIABLE}.", f"请检查 {FILE_VARIABLE}。"),
        ) from error


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidConfig(
            Text("An encryption key is not 32 bytes in base64.", "加密密钥不是 32 字节的 base64 文本。"), HOW
        )
    return key


def _name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:8]


def _no_key(kind: type, id: str, name: str) -> Unavailable:
    return Unavailable(
        Text(
            f"The {kind.__name__} {id!r} is encrypted with the key {name}, which is not given.",
            f"{kind.__name__} {id!r} 由密钥 {name} 加密，但未提供该密钥。",
        ),
        Text(f"Give it by {VARIABLE} or {FILE_VARIABLE}.", f"请通过 {VARIABLE} 或 {FILE_VARIABLE} 提供。"),
    )


def _changed(kind: type, id: str) -> Unavailable:
    return Unavailable(
        Text(
            f"The {kind.__name__} {id!r} was changed after it was encrypted.",
            f"{kind.__name__} {id!r} 在加密之后被改动。",
        ),
        Text("Restore it from a backup.", "请从备份恢复。"),
    )
