"""What a runtime compiled of a version, laid out beside the version's folder: its files and golden rows of its own.

::

    models/tickets@3/                        the version
    models/tickets@3.compiled/5f0c3a9be1d2/  a runtime's files, and ``golden.json``: what came of them when deployed
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tuneworks.core.errors import BrokenSeal
from tuneworks.core.files import sha256_of_bytes, sha256_of_file, whole_folder
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Served
from tuneworks.core.workspace import Workspace

KEY_LENGTH = 12


def folder_of(workspace: Workspace, version: ModelVersion) -> Path:
    """Where all that was compiled of a version lies."""
    return workspace.models / f"{version.label}.compiled"


def laid_out(workspace: Workspace, version: ModelVersion, served: Served) -> Path:
    """The folder of a served version's compiled files, copied from its blobs unless it is there already."""
    key = sha256_of_bytes(json.dumps(sorted(served.compiled.items())).encode())[:KEY_LENGTH]

    def fill(staged: Path) -> None:
        for name, blob in served.compiled.items():
            workspace.blobs.copy_to(blob, staged / name)

    return whole_folder(folder_of(workspace, version) / key, fill)


def verify_files(folder: Path, compiled: Mapping[str, str]) -> dict[str, Path]:
    """The files (name -> path); raises ``BrokenSeal`` naming the first that is missing, extra or changed."""
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name in sorted({*present, *compiled}):
        if name not in present:
            raise _broken(folder, name, Text("is missing", "缺失"))
        if name not in compiled:
            raise _broken(folder, name, Text("was not made by the runtime", "不是由运行时生成的"))
        if sha256_of_file(present[name]) != compiled[name]:
            raise _broken(folder, name, Text("was changed since it was deployed", "在部署之后被改动"))
    return present


def _broken(folder: Path, name: str, reason: Text) -> BrokenSeal:
    return BrokenSeal(
        Text(
            f"What was compiled in {folder.parent.name} is not what was deployed: {name} {reason.en}.",
            f"{folder.parent.name} 中的编译文件与部署时不符：{name} {reason.zh}。",
        ),
        Text(
            "The folder is a copy: delete it and ask again; its files are kept in the workspace.",
            "该文件夹只是副本：请删除后重试，其文件保存在工作区中。",
        ),
    )
