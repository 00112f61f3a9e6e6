"""Model folders: a version's parts laid out as Hugging Face tools expect them, whole or absent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tuneworks.core.contracts import Model
from tuneworks.core.files import whole_folder
from tuneworks.core.records import to_plain
from tuneworks.core.types import ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.serving import signature
from tuneworks.serving.loaded import CARD, open_model
from tuneworks.serving.seal import MANIFEST, write_manifest

FORMAT = 1
UNSIGNED = (MANIFEST, CARD)
"""What is written with the folder: the manifest says what all can see, the card is the workspace's record."""


def card_of(version: ModelVersion) -> bytes:
    """The bytes of ``tuneworks.json``: everything about a version but its parts."""
    plain = to_plain(version)
    del plain["parts"]
    return json.dumps({"format": FORMAT, **plain}, ensure_ascii=False, indent=1).encode()


def materialise(workspace: Workspace, version: ModelVersion) -> Path:
    """The version's folder in the workspace, copied from its blobs unless it is there already."""

    def fill(staged: Path) -> None:
        for name, blob in version.parts.items():
            workspace.blobs.copy_to(blob, staged / name)
        (staged / CARD).write_bytes(card_of(version))
        write_manifest(staged)

    return whole_folder(workspace.models / version.label, fill)


def open_version(workspace: Workspace, version: ModelVersion) -> Model:
    """The version's model, opened from its folder; raises ``BrokenSeal`` where it must be signed and is not."""
    folder = materialise(workspace, version)
    signature.verify(folder, unsigned=UNSIGNED)
    return open_model(folder)


def store_parts(workspace: Workspace, files: Mapping[str, Path | bytes]) -> dict[str, str]:
    """Parts written to the workspace's blobs: part name -> blob id."""
    return {name: workspace.blobs.write(part) for name, part in sorted(files.items())}
