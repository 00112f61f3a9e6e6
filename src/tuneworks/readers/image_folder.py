"""Folders of images: a folder a label, below train, validation and test where the data are split already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tuneworks.core.asking import Reader, Row
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.language.text_files import missing_file, unreadable
from tuneworks.statistics.splits import WORDS

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
DEEPEST = 3


class ImageFolder(Reader):
    """Reads ``LABEL/photo.png``, ``train/LABEL/photo.png``, or images alone, as rows image, label, split."""

    folders = True

    def accepts(self, path: Path, head: bytes) -> bool:
        return path.is_dir() and _has_images(path, DEEPEST)

    def rows(self, path: Path, listener: Listener = silent) -> Iterator[Row]:
        if not path.is_dir():
            raise missing_file(path)
        sides = {folder: WORDS[folder.name.casefold()] for folder in _folders(path) if folder.name.casefold() in WORDS}
        tell(listener, "format", Text("a folder of images", "图像文件夹"))
        if not sides:
            yield from _labelled(path, path, listener)
            return
        _refuse_beside(path, [folder for folder in _folders(path) if folder not in sides])
        for folder, side in sorted(sides.items(), key=lambda item: item[0].name):
            for row in _labelled(folder, path, listener):
                yield {**row, "split": side}


def _labelled(folder: Path, top: Path, listener: Listener) -> Iterator[Row]:
    """The images of each class folder, or those of the folder itself where it has no classes."""
    classes = [child for child in _folders(folder) if _has_images(child, 1)]
    loose = _images(folder)
    if classes and loose:
        raise unreadable(
            top,
            Text(
                f"{folder.name} holds images ({loose[0].name}, ...) beside class folders ({classes[0].name}, ...).",
                f"{folder.name} 中既有图像（{loose[0].name} 等），又有类别文件夹（{classes[0].name} 等）。",
            ),
            Text("Put every image into the folder of its class.", "请将每张图像放入其类别的文件夹。"),
        )
    for child in classes:
        for image in _images(child):
            yield {"image": image, "label": child.name}
        _tell_others(child, listener)
    for image in loose:
        yield {"image": image}
    if not classes and not loose:
        raise unreadable(
            top,
            Text(f"there are no images below {folder.name}.", f"{folder.name} 下没有图像。"),
            Text("Give a folder of class folders that hold images.", "请提供由类别文件夹组成、其中含有图像的文件夹。"),
        )


def _refuse_beside(path: Path, others: list[Path]) -> None:
    for other in others:
        if _has_images(other, 2):
            raise unreadable(
                path,
                Text(
                    f"the folder {other.name} lies beside train, validation or test and belongs to none of them.",
                    f"文件夹 {other.name} 与 train、validation 或 test 并列，但不属于其中任何一个。",
                ),
                Text(
                    "Move it into one of them, or give the folders one by one.",
                    "请将其移入其中之一，或逐个给出文件夹。",
                ),
            )


def _tell_others(folder: Path, listener: Listener) -> None:
    others = [child.name for child in folder.iterdir() if child.is_file() and child.suffix.lower() not in SUFFIXES]
    if others:
        count = len(others)
        tell(
            listener,
            "repair",
            Text(
                f"{folder.name}: {count} files that are no images are left out ({sorted(others)[0]}, ...).",
                f"{folder.name}：略过 {count} 个非图像文件（{sorted(others)[0]} 等）。",
            ),
        )


def _has_images(folder: Path, deep: int) -> bool:
    if any(child.suffix.lower() in SUFFIXES for child in folder.iterdir()):
        return True
    return deep > 1 and any(_has_images(child, deep - 1) for child in _folders(folder))


def _images(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.suffix.lower() in SUFFIXES and child.is_file())


def _folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
