"""Columns that name image files: found by what they say, and taken from the folder of the data that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
NO_FILE = ("data:", "sha256:")


def with_image_paths(rows: Sequence[Mapping[str, Any]], folder: Path, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows with the names of image files as paths: of columns whose kind is image, or that name nothing else."""
    columns = [
        name for name in dict.fromkeys(name for row in rows for name in row) if _names_images(name, rows, folder, kinds)
    ]
    return [with_paths(row, columns, folder) for row in rows]


def with_paths(row: Mapping[str, Any], columns: Sequence[str], folder: Path) -> dict[str, Any]:
    """The row with the names in those columns as paths from the folder; other forms of images stay as they are."""
    return {**row, **{name: _path(row[name], folder) for name in columns if name in row}}


def _names_images(name: str, rows: Sequence[Mapping[str, Any]], folder: Path, kinds: Mapping[str, str]) -> bool:
    """Whether a column is of images by its user's word, else by its values, the first of which must be there."""
    if name in kinds:
        return kinds[name] == "image"
    values = [row[name] for row in rows if row.get(name) not in (None, "")]
    if not values or not all(isinstance(value, str) and value.lower().endswith(SUFFIXES) for value in values):
        return False
    return (folder / values[0]).is_file()


def _path(value: Any, folder: Path) -> Any:
    if not isinstance(value, str) or not value or value.startswith(NO_FILE):
        return value
    return folder / value
