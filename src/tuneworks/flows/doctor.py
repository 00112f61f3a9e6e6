"""Look a box and a workspace over, and say of everything that is amiss what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from tuneworks.core.clock import now
from tuneworks.core.errors import TuneworksError
from tuneworks.core.events import Listener, counted, silent
from tuneworks.core.files import sha256_of_file
from tuneworks.core.text import Text, plain
from tuneworks.core.types import Dataset, Deployment, ModelVersion, Move, Prediction, Run
from tuneworks.core.workspace import Workspace
from tuneworks.flows.box import MEGABYTE, box_of
from tuneworks.flows.references import label_of
from tuneworks.flows.requirements import missing_parts, name_in
from tuneworks.serving.engine import engine_of

FOR_DEVELOPERS = ("test",)
LEAST_MEMORY_MEGABYTES = 1024
LEAST_DISK_MEGABYTES = 1024
OLDEST_PYTHON = (3, 11)
NEWEST_OF: tuple[type[Any], ...] = (Prediction, Move, Run)
CLOCK_SLACK = timedelta(minutes=2)
FINE = Text("fine", "正常")


@dataclass(frozen=True)
class Checkup:
    """One thing that was looked at. ``level``: ok, note, warning or error; ``fix``: what to do, where it is not ok."""

    name: str
    level: str
    found: Text
    fix: Text | None = None


def doctor(*, workspace: Workspace | None = None, listener: Listener = silent) -> tuple[Checkup, ...]:
    """Everything that was looked at, in order; nothing is changed, and one thing amiss hides no other."""
    opened = workspace or Workspace.open()
    return tuple(checkup for look in LOOKS for checkup in _looked(look, opened, listener))


def _looked(look: Look, workspace: Workspace, listener: Listener) -> list[Checkup]:
    try:
        return list(look(workspace, listener))
    except TuneworksError as error:
        return [Checkup(look.__name__.strip("_"), "error", error.problem, error.fix)]


def _box(workspace: Workspace, listener: Listener) -> Iterator[Checkup]:
    python = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        yield Checkup(
            "python", "error", plain(python), Text("Install Python 3.11 or newer.", "请安装 Python 3.11 或更新版本。")
        )
    else:
        yield Checkup("python", "ok", plain(python))
    processors = len(os.sched_getaffinity(0))
    yield Checkup("processors", "ok", Text(f"{processors} for this process", f"本进程可用 {processors} 个"))
    free = box_of(workspace.root, None).memory_megabytes
    if free is not None:
        said = Text(f"{free:.0f} MB free", f"可用 {free:.0f} MB")
        fix = Text("Close other programs, or serve fewer models.", "请关闭其他程序，或减少同时提供的模型。")
        yield _enough("memory", free >= LEAST_MEMORY_MEGABYTES, said, fix)


def _packages(workspace: Workspace, listener: Listener) -> Iterator[Checkup]:
    yield Checkup("tuneworks", "ok", plain(version("tuneworks")))
    parts = missing_parts(requires("tuneworks") or [], _installed)
    if own := ", ".join(parts.pop("")):
        fix = Text("pip install --upgrade tuneworks", "请执行 pip install --upgrade tuneworks")
        yield Checkup("packages", "error", Text(f"missing or too old: {own}", f"缺失或过旧：{own}"), fix)
    else:
        yield Checkup("packages", "ok", FINE)
    extras = {extra: missing for extra, missing in sorted(parts.items()) if extra not in FOR_DEVELOPERS}
    if whole := ", ".join(extra for extra, missing in extras.items() if not missing):
        yield Checkup("extras", "ok", Text(f"installed: {whole}", f"已安装：{whole}"))
    if absent := ", ".join(extra for extra, missing in extras.items() if missing):
        fix = Text(
            "Only where you use one: pip install 'tuneworks[NAME]'", "需要时再安装：pip install 'tuneworks[名称]'"
        )
        yield Checkup("extras", "note", Text(f"not installed in full: {absent}", f"未完整安装：{absent}"), fix)
    other = sorted({part for missing in extras.values() for part in missing if _installed(name_in(part)) is not None})
    if listed := ", ".join(other):
        found = Text(f"installed in other versions than asked for: {listed}", f"已安装的版本不符合要求：{listed}")
        fix = Text("pip install --upgrade the packages named.", "请用 pip install --upgrade 升级所列软件包。")
        yield Checkup("extras", "warning", found, fix)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _disk(workspace: Workspace, listener: Listener) -> Iterator[Checkup]:
    free = shutil.disk_usage(workspace.root).free / MEGABYTE
    largest = max((_size(workspace, found) for found in workspace.store.find(ModelVersion)), default=0) / MEGABYTE
    wanted = max(LEAST_DISK_MEGABYTES, 2 * largest)
    said = Text(f"{free:.0f} MB free, {wanted:.0f} MB wanted", f"剩余 {free:.0f} MB，建议 {wanted:.0f} MB")
    fix = Text(
        f"Free some space on the disk of {workspace.root}; the folder cache in it can be deleted at any time.",
        f"请释放 {workspace.root} 所在磁盘的空间；其中的 cache 文件夹可随时删除。",
    )
    yield _enough("disk", free >= wanted, said, fix)


def _size(workspace: Workspace, found: ModelVersion) -> int:
    folder = workspace.models / found.label
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _clock(workspace: Workspace, listener: Listener) -> Iterator[Checkup]:
    """A clock that went back: something is stored as of later than now."""
    moments = [_moment(found) for kind in NEWEST_OF for found in workspace.store.find(kind, newest_first=True, limit=1)]
    newest = max(moments, default="")
    ahead = datetime.fromisoformat(newest) - datetime.fromisoformat(now()) if newest else timedelta()
    said = Text(f"{now()[:19]} UTC", f"{now()[:19]}（世界时）")
    if ahead > CLOCK_SLACK or datetime.now(UTC).year < 2025:
        fix = Text("Set the clock: timedatectl set-ntp true", "请校正时钟：timedatectl set-ntp true")
        late = Text(f"{said.en}, but records are as of {newest[:19]}", f"{said.zh}，但已有记录的时间为 {newest[:19]}")
        yield Checkup("clock", "error", late, fix)
    else:
        yield Checkup("clock", "ok", said)


def _moment(record: Prediction | Move | Run) -> str:
    return record.created if isinstance(record, Run) else record.made


def _store(workspace: Workspace, listener: Listener) -> Iterator[Checkup]:
    faults = workspace.store.faults()
    fix = Text("Restore a backup: tuneworks restore FILE", "请从备份恢复：tuneworks restore 文件")
    for fault in faults:
        yield Checkup("store", "error", fault, fix)
    if not faults:
        yield Checkup("store", "ok", Text("whole, and can be written to", "完好且可写"))


def _blobs(workspace: Workspace, listener: Listener) -> Iterator[Checkup]:
    """Every stored byte against its name, and whether what records speak of is there."""
    ids, broken = set(workspace.blobs.ids()), 0
    owners = _owners(workspace)
    for id in counted(sorted(ids), listener, Text("Comparing hashes", "正在核对哈希"), len(ids)):
        if sha256_of_file(workspace.blobs.local(id)) != id:
            broken += 1
            of = owners.get(id, plain(id[:16]))
            yield Checkup("blobs", "error", Text(f"damaged: {of.en}", f"已损坏：{of.zh}"), MEND)
    for id in sorted(owners.keys() - ids):
        broken += 1
        yield Checkup("blobs", "error", Text(f"missing: {owners[id].en}", f"缺失：{owners[id].zh}"), MEND)
    if not broken:
        yield Checkup("blobs", "ok", Text(f"{len(ids)} whole", f"{len(ids)} 个均完好"))


MEND = Text(
    "A dataset: add the same file again. A version: restore a backup, or tune it again.",
    "数据集：重新导入同一文件。模型版本：从备份恢复，或重新微调。",
)


def _owners(workspace: Workspace) -> dict[str, Text]:
    found = {
        one.id: Text(f"the dataset {one.id[:16]}", f"数据集 {one.id[:16]}") for one in workspace.store.find(Dataset)
    }
    for made in workspace.store.find(ModelVersion):
        for part, blob in made.parts.items():
            found[blob] = Text(f"{part} of {made.label}", f"{made.label} 的 {part}")
    return found


def _seals(workspace: Workspace, listener: Listener) -> Iterator[Checkup]:
    """Everything that is served, tried, or next in line for a rollback, opened and asked its golden rows."""
    for deployment in workspace.store.find(Deployment):
        for served in (deployment.champion, deployment.challenger, *deployment.previous[-1:]):
            if served is None:
                continue
            name = f"seal {deployment.id}: {label_of(workspace, served.version_id)}"
            try:
                engine_of(workspace).reopen(served)
            except TuneworksError as error:
                yield Checkup(name, "error", error.problem, error.fix)
            else:
                yield Checkup(name, "ok", Text("answers as it was tuned", "答案与微调时一致"))


def _enough(name: str, is_enough: bool, found: Text, fix: Text) -> Checkup:
    return Checkup(name, "ok", found) if is_enough else Checkup(name, "warning", found, fix)


Look = Callable[[Workspace, Listener], Iterator[Checkup]]
LOOKS: tuple[Look, ...] = (_box, _packages, _disk, _clock, _store, _blobs, _seals)
