"""How often a version was scored on a dataset's test rows: its report on them says so, whoever did it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuneworks.core.clock import now
from tuneworks.core.evaluation import Comparison, Evaluation
from tuneworks.core.files import write_atomically
from tuneworks.core.records import from_plain, to_plain
from tuneworks.core.types import DatasetName, ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.held_out import history_of
from tuneworks.reports.html import render_report
from tuneworks.reports.provenance import Provenance


def report_folder(workspace: Workspace, version: ModelVersion, dataset_id: str) -> Path:
    """Where the version's report on a dataset lies: its own dataset's on top, others below."""
    folder = workspace.reports / version.label
    return folder if dataset_id == version.dataset_id else folder / f"on-{dataset_id[:12]}"


def times_scored(folder: Path, dataset_id: str) -> list[str]:
    """When the dataset's test rows were scored for the report in ``folder``, this time included."""
    content = _content(folder)
    earlier = content["test_scored"] if content.get("dataset_id") == dataset_id else []
    return [*earlier, now()]


def count_scoring(workspace: Workspace, version: ModelVersion, dataset_id: str) -> None:
    """Note one more scoring in the version's report on the dataset; where there is none yet, for the one to come."""
    folder = report_folder(workspace, version, dataset_id)
    counted = {"dataset_id": dataset_id, "test_scored": times_scored(folder, dataset_id)}
    content = _content(folder) | counted
    if "evaluation" in content:
        known: Provenance = from_plain(Provenance, content["provenance"])
        named = dataset_title(workspace, dataset_id)
        told = replace(known, dataset=named, test_scored=len(counted["test_scored"]))
        content["provenance"] = told
        write_atomically(folder / "report.html", _page(workspace, version, content, told).encode())
    write_atomically(folder / "report.json", facts(content))


def facts(content: dict[str, Any]) -> bytes:
    """A report's facts as the JSON beside the page."""
    return json.dumps(to_plain(content), ensure_ascii=False, indent=1).encode()


def dataset_title(workspace: Workspace, dataset_id: str) -> str:
    """The name that points at the dataset, else the beginning of its id."""
    named = workspace.store.find(DatasetName, dataset_id=dataset_id)
    return named[0].id if named else dataset_id[:12]


def _page(workspace: Workspace, version: ModelVersion, content: dict[str, Any], provenance: Provenance) -> str:
    return render_report(
        version,
        from_plain(Evaluation, content["evaluation"]),
        comparisons=from_plain(tuple[Comparison, ...], content["comparisons"]),
        history=[line for line in history_of(workspace, version) if "step" in line],
        provenance=provenance,
    )


def _content(folder: Path) -> dict[str, Any]:
    path = folder / "report.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content
