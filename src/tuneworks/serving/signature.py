"""Signed models: who may open a folder can ask that the owner of a key has signed every file of it.

``TUNEWORKS_SIGNING_KEY`` names the file of a private key: what is tuned or compiled here is signed with it.
``TUNEWORKS_TRUSTED_KEY`` names that of a public key: what its owner has not signed is refused. Keys are of elliptic
curves (P-256, P-384, P-521), in PEM. A signature, ``model.sig``, is a Sigstore bundle of OpenSSF Model Signing, which
that project's own tool reads too; no certificate, log or network is asked.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig, Untrusted
from tuneworks.core.text import Text, plain
from tuneworks.core.working import working_folder

SIGNING_KEY, TRUSTED_KEY = "TUNEWORKS_SIGNING_KEY", "TUNEWORKS_TRUSTED_KEY"
FILE = "model.sig"
Files = Mapping[str, Path | bytes]


def signer(within: Path) -> Callable[[Files], Files]:
    """What adds a signature to files where a signing key is named; raises ``InvalidConfig`` for one that is none.

    Ask for it before the work whose outcome it signs: a wrong key is told then. What is signed lies ``within`` a
    folder meanwhile.
    """
    key = os.environ.get(SIGNING_KEY)
    if not key:
        return lambda files: files
    signing, hashing = _library("signing"), _library("hashing")
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=Path(key))
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(SIGNING_KEY, key) from error
    return partial(_signed, within, config.set_hashing_config(_all_but(hashing, ())))


def _signed(within: Path, config: Any, files: Files) -> Files:
    with working_folder(within) as place:
        folder, made = place / "model", place / FILE
        for name, part in files.items():
            _write(folder / name, part)
        config.sign(folder, made)
        return {**files, FILE: made.read_bytes()}


def verify(folder: Path, unsigned: Sequence[str] = ()) -> None:
    """Raise ``Untrusted`` where a trusted key is named and its owner did not sign the folder as it is.

    ``unsigned``: names of files that no signature covers, as they are checked otherwise.
    """
    key = os.environ.get(TRUSTED_KEY)
    if not key:
        return
    if not (folder / FILE).is_file():
        raise _untrusted(folder, Text("it is not signed", "没有签名"))
    verifying, hashing = _library("verifying"), _library("hashing")
    try:
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=Path(key))
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(TRUSTED_KEY, key) from error
    try:
        verifier.set_hashing_config(_all_but(hashing, (FILE, *unsigned))).verify(folder, folder / FILE)
    except Exception as error:  # of many kinds: a signature that cannot be read has no kind of its own
        raise _untrusted(folder, plain(str(error).rstrip(". "))) from error


def _all_but(hashing: Any, names: Sequence[str]) -> Any:
    return hashing.Config().set_ignored_paths(paths=names, ignore_git_paths=False)


def _library(part: str) -> Any:
    try:
        import model_signing
    except ModuleNotFoundError as error:
        raise registry.missing_extra("model_signing") from error
    return getattr(model_signing, part)


def _write(path: Path, part: Path | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(part, bytes):
        path.write_bytes(part)
    else:
        shutil.copyfile(part, path)


def _no_key(variable: str, key: str) -> InvalidConfig:
    return InvalidConfig(
        Text(
            f"{variable} names {key}, which is no key of an elliptic curve in PEM.",
            f"{variable} 指向 {key}，它不是 PEM 格式的椭圆曲线密钥。",
        ),
        Text(
            "Make one: openssl ecparam -name prime256v1 -genkey -noout -out private.pem; "
            "openssl ec -in private.pem -pubout -out public.pem",
            "请生成密钥：openssl ecparam -name prime256v1 -genkey -noout -out private.pem；"
            "openssl ec -in private.pem -pubout -out public.pem",
        ),
    )


def _untrusted(folder: Path, reason: Text) -> Untrusted:
    return Untrusted(
        Text(
            f"The owner of the trusted key has not signed {folder}: {reason.en}.",
            f"受信任密钥的持有者未对 {folder} 签名：{reason.zh}。",
        ),
        Text(
            f"Tune or deploy it where {SIGNING_KEY} names the key, or take {TRUSTED_KEY} away.",
            f"请在设置了 {SIGNING_KEY} 的机器上微调或部署，或去掉 {TRUSTED_KEY}。",
        ),
    )
