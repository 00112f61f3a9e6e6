"""Explain the rows of a file or stream, and write what was said as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from tuneworks.core.events import Listener, silent
from tuneworks.core.explaining import Explanation
from tuneworks.core.files import sha256_of_bytes, write_atomically
from tuneworks.core.workspace import Workspace
from tuneworks.flows.asked_rows import batches, counted_from, opened_rows
from tuneworks.flows.explain import AUTO, explain
from tuneworks.flows.image_files import with_paths
from tuneworks.flows.references import version_of
from tuneworks.reports.explanations import render_explanations
from tuneworks.serving.pictures import image_columns


def explain_file(
    deployment: str,
    source: Path | BinaryIO,
    *,
    explainer: str = AUTO,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> Iterator[Explanation]:
    """One explanation a row, in order; files are read as ``predict_file`` reads them."""
    workspace = workspace or Workspace.open()
    spec = version_of(workspace, deployment if "@" in deployment else f"{deployment}@champion").spec
    folder = source.parent if isinstance(source, Path) else Path.cwd()
    with opened_rows(source, AUTO, spec, deployment, listener) as rows:
        named = (with_paths(row, image_columns(spec), folder) for row in rows)
        for first, batch in batches(named):
            with counted_from(first):
                explanations = explain(deployment, batch, explainer=explainer, workspace=workspace)
            yield from explanations


def write_explanations(workspace: Workspace, explanations: Sequence[Explanation]) -> Path:
    """The page of explanations, beside the reports of the version that answered, named after its content."""
    page = render_explanations(explanations).encode()
    name = f"explanations-{sha256_of_bytes(page)[:12]}.html"
    path = workspace.reports / explanations[0].version / name
    write_atomically(path, page)
    return path
