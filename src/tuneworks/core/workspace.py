"""The workspace: one folder that holds a company's datasets, runs, versions, deployments and logs.

::

    .tuneworks/
    ├── store.db      records (SQLite)
    ├── blobs/        datasets, weights and reports by content hash
    ├── cache/        what can be made again: converted bases, features
    ├── checkpoints/  what runs go on from after a crash or a pause, one folder a run
    ├── figures/      what servers counted, one file a process
    ├── files/        what people put there to be answered as jobs over HTTP
    ├── models/       model folders, materialised from blobs
    ├── reports/      HTML and JSON reports, one folder a version
    └── working/      folders that processes work in now, locked by them

Several machines share a workspace whose records are in PostgreSQL (``postgresql://...`` instead of a folder) and whose
blobs are in a bucket (``TUNEWORKS_BLOBS=s3://BUCKET/PREFIX``); each has a folder of its own for the rest.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from tuneworks.core import registry
from tuneworks.core.errors import Unavailable
from tuneworks.core.keeping import Blobs, Store
from tuneworks.core.text import Text

FOLDER_NAME = ".tuneworks"


class Workspace:
    """An open workspace; ``address``: what another process opens it by.

    ``loaded`` keeps models in memory between calls (used by ``serving``).
    """

    def __init__(self, root: Path, store: Store, blobs: Blobs, address: str | None = None) -> None:
        self.root = root
        self.address = address or str(root)
        self.store = store
        self.blobs = blobs
        self.loaded: dict[str, Any] = {}

    @classmethod
    def open(cls, root: str | os.PathLike[str] | None = None) -> Workspace:
        """The workspace at ``root``, else ``TUNEWORKS_WORKSPACE``, else the nearest upward, else a new one here.

        Where that is the address of a database, this machine's folder is ``TUNEWORKS_FOLDER``, else the nearest.
        """
        address = str(root or os.environ.get("TUNEWORKS_WORKSPACE") or nearest())
        in_database = "://" in address
        if in_database:
            address = _without_password(address)
        folder = Path((os.environ.get("TUNEWORKS_FOLDER") or nearest()) if in_database else address).absolute()
        _make(folder)
        blobs = "s3" if os.environ.get("TUNEWORKS_BLOBS") else "local"
        return cls(
            folder,
            registry.load("stores", "sql")(address if in_database else folder / "store.db"),
            registry.load("blobs", blobs)(folder / "blobs"),
            address if in_database else None,
        )

    @classmethod
    def alone(cls, folder: Path) -> Workspace:
        """A workspace all of which lies in the folder, whatever the environment says of others."""
        _make(folder)
        return cls(
            folder,
            registry.load("stores", "sql")(folder / "store.db"),
            registry.load("blobs", "local")(folder / "blobs"),
        )

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def working(self) -> Path:
        return self.root / "working"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def close(self) -> None:
        """Let go of the store and of what is loaded."""
        for loaded in self.loaded.values():
            if close := getattr(loaded, "close", None):
                close()
        self.loaded.clear()
        self.store.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _without_password(address: str) -> str:
    """The address as others may see it; its password goes where PostgreSQL's client looks, here and in our children."""
    parts = urlsplit(address)
    if parts.password is None:
        return address
    os.environ["PGPASSWORD"] = unquote(parts.password)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{place}"))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            Text(
                f"The workspace {folder} cannot be made: {error.strerror}.",
                f"无法创建工作区 {folder}：{error.strerror}。",
            ),
            Text(
                "Choose a folder you may write to: --workspace PATH or TUNEWORKS_WORKSPACE.",
                "请用 --workspace 路径或 TUNEWORKS_WORKSPACE 指定一个可写的文件夹。",
            ),
        ) from error


def nearest() -> Path:
    """The nearest ``.tuneworks`` folder from here upward, else the one to be made here."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FOLDER_NAME).is_dir():
            return folder / FOLDER_NAME
    return here / FOLDER_NAME
