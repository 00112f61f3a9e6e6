"""Opening a model: from its files through the registry to something a runtime can run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneworks.core import registry
from tuneworks.core.contracts import LoadedBase, Model
from tuneworks.core.errors import BrokenSeal
from tuneworks.core.records import from_plain
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse, Output, TaskSpec
from tuneworks.statistics.positions import plain_head

CARD = "tuneworks.json"


def open_model(folder: Path, compiled: Mapping[str, Path] | None = None) -> Model:
    """The model in a materialised folder; raises ``BrokenSeal`` where ``tuneworks.json`` is missing or unreadable.

    ``compiled``: files of a runtime that lie elsewhere, by the names they would have in the folder.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        uses = tuple(from_plain(BaseUse, use) for use in card["bases"])
        spec, output = from_plain(TaskSpec, card["spec"]), from_plain(Output, card["output"])
        method = card["recipe"]["method"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenSeal(
            Text(f"{folder / CARD} cannot be read: {error}", f"无法读取 {folder / CARD}：{error}"),
            Text(
                "This is not a whole model folder. Deploy the version again.",
                "该文件夹不是完整的模型，请重新部署该版本。",
            ),
        ) from error
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return assemble(Asked(spec, output, method), uses, {**files, **(compiled or {})}, folder)


@dataclass(frozen=True)
class Asked:
    """What a model is asked, and the method whose head answers."""

    spec: TaskSpec
    output: Output
    method: str


def assemble(asked: Asked, uses: Sequence[BaseUse], files: Mapping[str, Path], folder: Path) -> Model:
    """A model from its files (part name -> path).

    A plain head is read without its method, which may need far more to learn than answering does.
    """
    bases = tuple((use, load_base(use, files)) for use in uses)
    head = plain_head(files) or registry.load("methods", asked.method)().load(files)
    return Model(folder, asked.spec, asked.output, bases, head)


def load_base(use: BaseUse, files: Mapping[str, Path]) -> LoadedBase:
    """The base at work on a column, from the files below its folder."""
    own = {
        name.removeprefix(f"{use.folder}/"): path
        for name, path in files.items()
        if (name.startswith(f"{use.folder}/") if use.folder else "/" not in name)
    }
    return registry.load("bases", use.name)().load(own)


def runtimes_asked(uses: Sequence[BaseUse]) -> set[str]:
    """The runtimes that the bases ask for."""
    return {use.runtime or registry.load("bases", use.name).runtime for use in uses}


def runtime_of(uses: Sequence[BaseUse]) -> str:
    """The runtime that runs all of the bases as they are: the first one among theirs that covers the others'."""
    wanted = runtimes_asked(uses)
    for name in registry.names("runtimes"):
        runtime = registry.load("runtimes", name)
        if not runtime.far and wanted <= set(runtime.runs):
            return name
    raise AssertionError(f"no runtime runs {wanted}")
