"""What a search leaves to be read: a page, the same as JSON, and the best recipe as a file for ``tune --config``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.files import write_atomically
from tuneworks.core.records import to_plain
from tuneworks.core.toml import to_toml
from tuneworks.core.types import Run, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.scorings import facts
from tuneworks.reports.searches import Found, render_search


@dataclass(frozen=True)
class Files:
    """Where they lie."""

    html: Path
    json: Path
    config: Path


def write_search_report(workspace: Workspace, run: Run, found: Found, best: RunConfig) -> Files:
    """Write all three into the folder of the search's run."""
    folder = workspace.reports / f"search-{run.id}"
    files = Files(folder / "report.html", folder / "report.json", folder / "best.toml")
    spaces = {name: str(space) for name, space in found.spaces.items()}
    write_atomically(files.config, to_toml(_set(best)).encode())
    write_atomically(files.json, facts({**vars(found), "spaces": spaces, "run_id": run.id}))
    write_atomically(files.html, render_search(found).encode())
    return files


def _set(config: RunConfig) -> dict[str, object]:
    """The settings that differ from what they are without being named."""
    plain, untouched = to_plain(config), to_plain(RunConfig())
    return {key: value for key, value in plain.items() if value != untouched[key]}
