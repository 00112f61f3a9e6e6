"""Image files as pixels: every format, depth and orientation becomes 8-bit RGB of one size."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from tuneworks.core.errors import InvalidInput, NotFound, Unavailable
from tuneworks.core.text import Text
from tuneworks.core.types import Picture

DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "F")
CENTRE, RANGE = 127.0, 128.0


def pixels_of(values: Sequence[Picture | None], size: int) -> Tensor:
    """Pixels (N, 3, size, size), about -1 to 1; a missing image is an even grey."""
    made = [read(value, size) if value is not None else np.full((size, size, 3), CENTRE) for value in values]
    stacked = np.stack(made).astype(np.float32) if made else np.zeros((0, size, size, 3), np.float32)
    return torch.from_numpy((stacked - CENTRE) / RANGE).permute(0, 3, 1, 2).contiguous()


def read(picture: Picture, size: int) -> NDArray[np.uint8]:
    """The image (size, size, 3), stretched to a square, upright as its camera says, alpha on white."""
    try:
        with Image.open(io.BytesIO(_bytes_of(picture))) as opened:
            upright = ImageOps.exif_transpose(opened)
            return np.asarray(_rgb(upright).resize((size, size), Image.Resampling.BICUBIC))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInput(
            Text(f"The image {picture[:23]} cannot be read: {error}.", f"无法读取图像 {picture[:23]}：{error}。"),
            Text("Save it anew as PNG or JPEG.", "请将其重新保存为 PNG 或 JPEG。"),
        ) from error


def _bytes_of(picture: Picture) -> bytes:
    """The file's bytes, which must still be those that its name says."""
    path = getattr(picture, "path", None)
    if not isinstance(path, Path) or not path.is_file():
        raise NotFound(
            Text(f"The image {picture[:23]} is not on this machine.", f"本机没有图像 {picture[:23]}。"),
            Text("Add the data again, or restore a backup.", "请重新添加数据，或从备份恢复。"),
        )
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != picture.removeprefix("sha256:"):
        raise Unavailable(
            Text(f"The stored image {path} is damaged.", f"已存图像 {path} 已损坏。"),
            Text("Add the data again, or restore a backup.", "请重新添加数据，或从备份恢复。"),
        )
    return data


def _rgb(image: Image.Image) -> Image.Image:
    """Eight bits a channel; deeper grey is scaled by its own range, so that a 12-bit scan is not all black."""
    if image.mode in DEEP_MODES:
        deep = np.nan_to_num(np.asarray(image, dtype=np.float64))
        low, high = deep.min(), deep.max()
        return Image.fromarray(((deep - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        whole = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    return image.convert("RGB")
