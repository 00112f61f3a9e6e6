"""Reproduce a run: do it once more from its configuration, and compare what it makes byte by byte."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tuneworks.core.environment import differences, environment
from tuneworks.core.errors import Conflict, NotFound
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Run, RunConfig
from tuneworks.core.working import working_folder
from tuneworks.core.workspace import Workspace
from tuneworks.flows.ladder import FILE as LADDER
from tuneworks.flows.making import CARD, HISTORY, make
from tuneworks.flows.plan_run import plan_run
from tuneworks.flows.references import run_of
from tuneworks.serving.signature import FILE as SIGNATURE

NOT_COMPARED = (HISTORY, CARD, LADDER, SIGNATURE)


@dataclass(frozen=True)
class Part:
    """A part of the version: the SHA-256 it has, and the one it came to this time (``None``: it is not there)."""

    name: str
    then: str | None
    now: str | None

    @property
    def same(self) -> bool:
        return self.then == self.now


@dataclass(frozen=True)
class Change:
    """Something the bytes depend on that is not as it was."""

    name: str
    then: str | None
    now: str | None


@dataclass(frozen=True)
class Reproduced:
    """Whether a run done again made the same parts, which ones it did not, and what has changed around it since.

    The training history, the ladder and the model card tell times or numbers of their own, and no signature comes out
    twice: these are not compared.
    """

    run: Run
    version: ModelVersion
    same: bool
    parts: tuple[Part, ...]
    changes: tuple[Change, ...]


def reproduce(run: str, *, workspace: Workspace | None = None, listener: Listener = silent) -> Reproduced:
    """Do a finished run once more on its dataset version; nothing is stored."""
    workspace = workspace or Workspace.open()
    found = run_of(workspace, run)
    version = _version_of(workspace, found)
    plan = plan_run(workspace, _config_of(found, version), listener)
    with working_folder(workspace.working) as folder:
        made = make(workspace, found, plan, folder, listener)
        hashes = {name: _hash(part) for name, part in made.files.items() if name not in NOT_COMPARED}
    stored = {name: hash for name, hash in version.parts.items() if name not in NOT_COMPARED}
    parts = tuple(Part(name, stored.get(name), hashes.get(name)) for name in sorted({*stored, *hashes}))
    advance(listener, Text("compared", "已比较"), len(parts), len(parts))
    changed = differences(dict(found.environment), environment()) if found.environment else {}
    changes = tuple(Change(name, then, now) for name, (then, now) in changed.items())
    return Reproduced(found, version, all(part.same for part in parts), parts, changes)


def _version_of(workspace: Workspace, run: Run) -> ModelVersion:
    if run.status != "finished" or run.version_id is None:
        raise Conflict(
            Text(
                f"The run {run.id} is {run.status} and made no version to compare with.",
                f"运行 {run.id} 的状态为 {run.status}，没有可供比较的版本。",
            ),
            Text("Choose a finished one: tuneworks list runs", "请选择已完成的运行：tuneworks list runs"),
        )
    version = workspace.store.get(ModelVersion, run.version_id)
    if version is None:
        raise NotFound(
            Text(f"The version {run.version_id} of the run was deleted.", f"该运行的版本 {run.version_id} 已被删除。"),
            Text("Choose another run: tuneworks list runs", "请选择其他运行：tuneworks list runs"),
        )
    return version


def _config_of(run: Run, version: ModelVersion) -> RunConfig:
    """The run's configuration with the recipe that was kept, whichever others were tried beside it."""
    return replace(run.config, recipe=version.recipe, from_version=version.parent_id)


def _hash(part: Path | bytes) -> str:
    return sha256_of_bytes(part) if isinstance(part, bytes) else sha256_of_file(part)
