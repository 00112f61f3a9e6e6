"""What a model folder may be made of: numbers, graphs and text, in files of its own."""

from __future__ import annotations

from pathlib import Path

from tuneworks.core.errors import BrokenSeal
from tuneworks.core.text import Text

DATA = frozenset(
    {".safetensors", ".onnx", ".sig", ".json", ".jsonl", ".txt", ".md", ".png", ".jpg", ".jpeg", ".webp", ".bmp"}
)
IMAGES_WITHOUT_ENDING = "golden"


def must_be_data(folder: Path) -> None:
    """Raise ``BrokenSeal`` naming the first file that could be code, or that is a link to another place."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or (path.is_file() and _is_data(path, folder))):
            raise BrokenSeal(
                Text(
                    f"{path} does not belong in a model: a model holds safetensors, ONNX, JSON and text files alone.",
                    f"{path} 不应出现在模型中：模型只包含 safetensors、ONNX、JSON 和文本文件。",
                ),
                Text(
                    "Delete the folder and deploy the version again; its parts are kept in the workspace.",
                    "请删除该文件夹并重新部署该版本，其组成文件保存在工作区中。",
                ),
            )


def _is_data(path: Path, folder: Path) -> bool:
    """By its ending; golden images bear the hash of their bytes alone."""
    return path.suffix.lower() in DATA or path.parent == folder / IMAGES_WITHOUT_ENDING
