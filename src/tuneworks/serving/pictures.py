"""Images on their way in: files, bytes, base64 texts and names become stored images, each checked to be one."""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.keeping import Blobs
from tuneworks.core.text import Text
from tuneworks.core.types import Picture, TaskSpec

MOST_BYTES = 20 * 1024 * 1024
MOST_PIXELS = 100_000_000
PREFIX = "sha256:"
NAME = re.compile(r"sha256:[0-9a-f]{64}")
DATA_URI = re.compile(r"data:image/[a-z0-9.+-]+;base64,", re.IGNORECASE)
BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpg",
    b"BM": "bmp",
    b"II*\x00": "tif",
    b"MM\x00*": "tif",
    b"RIFF": "webp",
    b"GIF8": "gif",
}
SEND = Text(
    "Send a PNG or JPEG as base64 text (data:image/png;base64,...), as bytes, or a file's Path.",
    "请以 base64 文本（data:image/png;base64,...）、字节或文件路径（Path）提供 PNG 或 JPEG 图像。",
)


def image_columns(spec: TaskSpec) -> list[str]:
    """The input columns that are read as images."""
    return [column for column, kind in spec.kinds.items() if kind == "image"]


def taken(blobs: Blobs, rows: Sequence[Any], columns: Sequence[str]) -> list[Any]:
    """The rows with the images of those columns stored, each a ``Picture``; raises ``InvalidInput`` naming row, column.

    All are looked at before the first is stored. A missing value stays missing, and a row that is none stays for
    others to refuse.
    """
    for number, row in enumerate(rows, start=1):
        for column, value in _images_in(row, columns):
            with _placed(number, column, value):
                _bytes_if_sound(blobs, value)
    return [
        {**row, **{column: keep(blobs, value) for column, value in found}}
        if (found := _images_in(row, columns))
        else row
        for row in rows
    ]


def known(blobs: Blobs, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Stored rows with their images' names as ``Picture`` where their bytes lie; nothing is checked or read."""
    return [
        {name: _known(blobs, value) if name in columns and value is not None else value for name, value in row.items()}
        for row in rows
    ]


def keep(blobs: Blobs, value: Any) -> Picture:
    """The image stored under its content's name; raises ``InvalidInput`` where it is no image."""
    data = _bytes_if_sound(blobs, value)
    id = str(value).removeprefix(PREFIX) if data is None else blobs.write(data)
    return Picture(PREFIX + id, blobs.local(id))


def _bytes_if_sound(blobs: Blobs, value: Any) -> bytes | None:
    """The image's bytes to be stored; ``None`` where the value is of an image that is stored already."""
    if isinstance(value, Picture) and _stored_at(blobs, value) == value.path:
        return None
    named = isinstance(value, str) and not isinstance(value, Picture) and NAME.fullmatch(value)
    data = blobs.read(value.removeprefix(PREFIX)) if named else _bytes_of(value)
    problem = _problem(data)
    if problem:
        raise InvalidInput(problem, SEND)
    return data


def kind_of(data: bytes) -> str | None:
    """The file ending of an image's format by its first bytes; ``None`` for anything else.

    >>> kind_of(b"\\x89PNG\\r\\n\\x1a\\n...."), kind_of(b"hello")
    ('png', None)
    """
    return next((ending for beginning, ending in BEGINNINGS.items() if data.startswith(beginning)), None)


def _stored_at(blobs: Blobs, picture: Picture) -> Path | None:
    """Where an image of that name is stored, if it is."""
    try:
        return blobs.local(picture.removeprefix(PREFIX))
    except NotFound:
        return None


def _images_in(row: Any, columns: Sequence[str]) -> list[tuple[str, Any]]:
    """The columns of a row that hold an image, with their values."""
    if not isinstance(row, Mapping):
        return []
    return [(column, row[column]) for column in columns if row.get(column) not in (None, "")]


@contextmanager
def _placed(number: int, column: str, value: Any) -> Iterator[None]:
    """An error about an image says in which row, column and file it stands."""
    try:
        yield
    except (InvalidInput, NotFound) as error:
        file = f" {value}" if isinstance(value, Path) else ""
        raise InvalidInput(
            Text(
                f"Row {number}, column {column!r}{file}: {error.problem.en}",
                f"第 {number} 行 {column!r} 列{file}：{error.problem.zh}",
            ),
            error.fix,
        ) from error


def _known(blobs: Blobs, value: Any) -> Any:
    """The image of a name as stored here."""
    if isinstance(value, Picture) or not isinstance(value, str):
        return value
    if not NAME.fullmatch(value):
        return value
    return Picture(value, blobs.local(value.removeprefix(PREFIX)))


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, Picture):
        value = value.path
    if isinstance(value, Path):
        return _read(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return _decoded(value)
    name = type(value).__name__
    raise InvalidInput(Text(f"expected an image, got {name}.", f"应为图像，实为 {name}。"), SEND)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _too_large(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            Text(
                f"the image file cannot be read: {error.strerror}.",
                f"无法读取图像文件：{error.strerror}。",
            ),
            Text(
                "Check the path; it is taken from the data file's folder.", "请检查路径；它相对于数据文件所在文件夹。"
            ),
        ) from error


def _decoded(text: str) -> bytes:
    """The bytes of a data URI or of plain base64."""
    match = DATA_URI.match(text)
    body = text[match.end() :] if match else text
    if len(body) > MOST_BYTES * 4 / 3 + 4:
        raise _too_large(len(body) * 3 // 4)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        shown = repr(text if len(text) <= 40 else text[:37] + "...")
        raise InvalidInput(Text(f"{shown} is no image in base64.", f"{shown} 不是 base64 图像。"), SEND) from error


def _problem(data: bytes) -> Text | None:
    """What is wrong with bytes that should be an image; decoded whole where Pillow is installed."""
    if len(data) > MOST_BYTES:
        return _too_large(len(data)).problem
    if kind_of(data) is None:
        return Text(
            "the bytes are no image (PNG, JPEG, BMP, TIFF, WebP or GIF).",
            "内容不是图像（PNG、JPEG、BMP、TIFF、WebP 或 GIF）。",
        )
    try:
        from PIL import Image
    except ModuleNotFoundError:
        return None
    return _undecodable(Image, data)


def _undecodable(image: Any, data: bytes) -> Text | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with image.open(BytesIO(data)) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    size = f"{opened.width} x {opened.height}"
                    return Text(
                        f"the image has {size} pixels; at most {MOST_PIXELS:,} are read.",
                        f"图像有 {size} 像素，最多读取 {MOST_PIXELS:,} 像素。",
                    )
                opened.load()
    except Exception as error:  # broken files fail in every way a decoder can
        return Text(f"the image is broken: {error}.", f"图像已损坏：{error}。")
    return None


def _too_large(size: int) -> InvalidInput:
    most = MOST_BYTES // 2**20
    return InvalidInput(
        Text(
            f"the image has {size / 2**20:.1f} MB; at most {most} MB are taken.",
            f"图像有 {size / 2**20:.1f} MB，最多接受 {most} MB。",
        ),
        Text(
            "Send it smaller; models look at a few hundred pixels a side.", "请缩小后再发送；模型只读取数百像素见方。"
        ),
    )


def named(rows: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """The images of rows as files by name: ``sha256 hash.ending`` -> where it lies."""
    pictures = {value: value.path for row in rows for value in row.values() if isinstance(value, Picture)}
    made = {}
    for picture, path in pictures.items():
        with open(path, "rb") as file:
            ending = kind_of(file.read(16)) or "image"
        made[f"{picture.removeprefix(PREFIX)}.{ending}"] = path
    return made


def beside(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Rows with their images' names as ``Picture``, found in a folder that ``named`` was laid out in."""
    lying = {PREFIX + path.stem: path for path in folder.glob("*")} if columns else {}
    return [
        {
            name: Picture(value, lying[value]) if name in columns and value in lying else value
            for name, value in row.items()
        }
        for row in rows
    ]
