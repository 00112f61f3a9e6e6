"""One archive for a box without a network: a deployment, Tuneworks and all that both need."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as version_of_package
from pathlib import Path

from tuneworks.core.clock import now
from tuneworks.core.errors import Conflict, Unavailable
from tuneworks.core.events import Listener, counted, silent, tell
from tuneworks.core.files import sha256_of_file, whole_file
from tuneworks.core.records import to_json
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, ModelVersion
from tuneworks.core.working import working_folder
from tuneworks.core.workspace import Workspace
from tuneworks.flows.backup import backup
from tuneworks.flows.packed import CARD, SUMS, WORKSPACE, PackCard, here
from tuneworks.flows.references import deployment_of
from tuneworks.flows.units import CONTAINERFILE, INSTALL, SERVICE
from tuneworks.flows.wheels import needed, write_wheel

WHEELS = Text("Packing packages", "正在打包软件包")
PROBE = "tuneworks.flows.pack_probe"


@dataclass(frozen=True)
class Packed:
    """A finished pack: where it lies, the SHA-256 of the whole file, and how much is in it."""

    file: Path
    sha256: str
    bytes: int
    wheels: int
    card: PackCard


def pack(
    deployment: str,
    file: str | Path | None = None,
    *,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> Packed:
    """Write a deployment, with Tuneworks and every package that it needs, to a file that is whole or absent.

    ``file``: by default ``NAME.pack.tar`` in the current folder. Nothing is fetched: packages are packed as they are
    installed here. Raises ``Conflict`` where the file exists.
    """
    workspace = workspace or Workspace.open()
    chosen = deployment_of(workspace, deployment)
    path = Path(file or f"{chosen.id}.pack.tar").absolute()
    if path.exists():
        raise Conflict(
            Text(f"{path} exists already.", f"{path} 已存在。"),
            Text("Choose another name; nothing is overwritten.", "请换一个文件名；不会覆盖已有文件。"),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with working_folder(workspace.working) as place:
        folder = place / f"{chosen.id}-pack"
        (folder / "wheels").mkdir(parents=True)
        version = _copied(workspace, chosen, folder / WORKSPACE)
        modules = _modules(workspace, chosen)
        for package in counted(needed(modules), listener, WHEELS):
            write_wheel(package, folder / "wheels")
        card = PackCard(chosen.id, version.label, now(), version_of_package("tuneworks"), *here())
        _tell(folder, card)
        _archived(folder, path)
    tell(listener, "packed", Text(f"Packed {version.label}", f"已打包 {version.label}"))
    return Packed(path, sha256_of_file(path), path.stat().st_size, _wheels(path), card)


def _copied(workspace: Workspace, deployment: Deployment, file: Path) -> ModelVersion:
    """The backup of a workspace that holds this deployment and its champion alone."""
    version = workspace.store.get(ModelVersion, deployment.champion.version_id)
    assert version is not None
    alone = replace(deployment, challenger=None, mode="champion", previous=())
    with working_folder(workspace.working) as place, Workspace.alone(place / "workspace") as small:
        for id in {*version.parts.values(), *deployment.champion.compiled.values()}:
            small.blobs.write(workspace.blobs.local(id))
        small.store.put(version, alone)
        backup(file, workspace=small)
    return version


def _modules(workspace: Workspace, deployment: Deployment) -> Sequence[str]:
    """The modules that a process has loaded once it serves the deployment."""
    command = [sys.executable, "-m", PROBE, workspace.address, deployment.id]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise Unavailable(
            Text(
                f"{deployment.id} could not be opened to see what it needs: {reason}",
                f"无法打开 {deployment.id} 以确定所需软件包：{reason}",
            ),
            Text("See what is amiss: tuneworks doctor", "请运行 tuneworks doctor 查看问题。"),
        )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def _tell(folder: Path, card: PackCard) -> None:
    """What belongs beside the wheels and the workspace; the hashes of all files come last."""
    python = card.python
    (folder / CARD).write_text(to_json(card) + "\n", encoding="utf-8")
    (folder / "install.sh").write_text(INSTALL.format(python=python, sums=SUMS, workspace=WORKSPACE), encoding="utf-8")
    (folder / "tuneworks.service").write_text(SERVICE.format(deployment=card.deployment), encoding="utf-8")
    (folder / "Containerfile").write_text(CONTAINERFILE.format(python=python), encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256_of_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _archived(folder: Path, path: Path) -> None:
    """The folder as one tar, of owners and dates that tell nothing of this machine."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with whole_file(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for one in sorted(path for path in folder.rglob("*") if path.is_file()):
            tar.add(one, f"{folder.name}/{one.relative_to(folder).as_posix()}", filter=plain)


def _wheels(path: Path) -> int:
    with tarfile.open(path, "r:") as tar:
        return sum(name.endswith(".whl") for name in tar.getnames())
