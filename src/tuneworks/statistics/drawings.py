"""Small images drawn by rule, for samples and tests: no file of anybody's needs to be shipped."""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.files import sha256_of_bytes, write_atomically
from tuneworks.core.types import Picture

SIDE = 32
Pixels = NDArray[np.uint8]


def drawing(pattern: str, random: np.random.Generator, side: int = SIDE) -> Picture:
    """A picture of the pattern (``PATTERNS``), its details drawn at random; kept in the temporary folder."""
    level = PATTERNS[pattern](side, random) + random.normal(0, 8, (side, side))
    data = png(np.repeat(np.clip(level, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2))
    folder = Path(tempfile.gettempdir()) / f"tuneworks-drawings-{os.getuid()}"
    name = sha256_of_bytes(data)
    path = folder / f"{name}.png"
    if not path.exists():
        write_atomically(path, data)
    return Picture(f"sha256:{name}", path)


def png(pixels: Pixels) -> bytes:
    """Pixels (H, W, 3) as the bytes of a PNG file (ISO/IEC 15948)."""
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + pixels[row].tobytes() for row in range(height))
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _stripes(side: int, random: np.random.Generator) -> NDArray[np.float64]:
    across = np.sin(np.arange(side) * random.uniform(0.6, 0.9) + random.uniform(0, 6))
    return np.tile(128 + 90 * across, (side, 1))


def _spots(side: int, random: np.random.Generator) -> NDArray[np.float64]:
    rows, columns = np.mgrid[:side, :side]
    level = np.full((side, side), 60.0)
    for _ in range(6):
        row, column = random.uniform(0, side, 2)
        level[(rows - row) ** 2 + (columns - column) ** 2 < random.uniform(4, 9)] = 220
    return level


PATTERNS: Mapping[str, Callable[[int, np.random.Generator], NDArray[np.float64]]] = {
    "stripes": _stripes,
    "spots": _spots,
}
