"""Whether a pack is whole, fits this machine, and answers as it was sealed."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.errors import InvalidInput
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace
from tuneworks.flows.packed import WORKSPACE, Pack, PackCard, compared, here, opened
from tuneworks.flows.references import deployment_of
from tuneworks.flows.restore import restore
from tuneworks.serving.engine import engine_of


@dataclass(frozen=True)
class Verified:
    """A pack that is whole and whose model answered its golden examples on this machine."""

    file: Path
    card: PackCard
    files: int
    bytes: int


def verify(file: str | Path, *, listener: Listener = silent) -> Verified:
    """Compare every byte, then open the packed model and run its seal; nothing is installed or kept.

    Raises ``UnreadableFile`` for a broken pack, ``InvalidInput`` for one that is made for another Python or machine,
    and ``BrokenSeal`` where the model does not give the scores it was sealed with.
    """
    path = Path(file).absolute()
    tell(listener, "hashes", Text(f"Comparing the files of {path.name}", f"正在比对 {path.name} 中的文件"))
    found = compared(path)
    _must_fit(found)
    tell(listener, "seal", Text(f"Checking the seal of {found.card.version}", f"正在校验 {found.card.version} 的封存"))
    _run_seal(found)
    return Verified(path, found.card, len(found.files), sum(found.files.values()))


def _must_fit(pack: Pack) -> None:
    python, machine = here()
    if (pack.card.python, pack.card.machine) == (python, machine):
        return
    raise InvalidInput(
        Text(
            f"{pack.file.name} is for Python {pack.card.python} on {pack.card.machine}; this is Python {python} on "
            f"{machine}.",
            f"{pack.file.name} 适用于 {pack.card.machine} 上的 Python {pack.card.python}；本机为 {machine} 上的 "
            f"Python {python}。",
        ),
        Text("Pack on a machine like the one it is for.", "请在与目标机器相同的环境中打包。"),
    )


def _run_seal(pack: Pack) -> None:
    """Bring the packed workspace back beside the others' and open what it serves."""
    with tempfile.TemporaryDirectory() as place:
        backup = Path(place) / WORKSPACE
        with opened(pack.file, WORKSPACE) as packed, open(backup, "wb") as target:
            shutil.copyfileobj(packed, target)
        with Workspace.alone(Path(place) / "workspace") as workspace:
            restore(backup, workspace=workspace)
            engine_of(workspace).model(deployment_of(workspace, pack.card.deployment).champion)
