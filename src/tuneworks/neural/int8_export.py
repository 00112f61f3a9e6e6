"""The int8 graph of a stock encoder, drawn once a machine and kept among the converted bases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path

from tuneworks.core.events import Listener
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.core.packages import made_once
from tuneworks.core.text import Text
from tuneworks.neural import onnx_graph, stock_weights
from tuneworks.neural.encoder_files import INT8_FILE, WEIGHTS_FILE
from tuneworks.neural.onnx_graph import drawn
from tuneworks.neural.stock_weights import Weights, shape_of

DRAWN_BY = tuple(Path(str(module.__file__)) for module in (onnx_graph, stock_weights))
MESSAGE = Text("drawing the int8 encoder (once)", "生成 int8 编码器（仅一次）")


def int8_graph(files: Mapping[str, Path], listener: Listener) -> Path:
    """The graph's file for an encoder's configuration and weights."""
    hashes = [sha256_of_file(files[name]) for name in ("config.json", WEIGHTS_FILE)]
    key = f"int8-{drawing()}-{sha256_of_bytes(''.join(hashes).encode())[:16]}"
    return made_once(key, partial(_draw, files), MESSAGE, listener) / INT8_FILE


@cache
def drawing() -> str:
    """Names the code that draws: what other code drew from equal weights may be another graph."""
    return sha256_of_bytes("".join(map(sha256_of_file, DRAWN_BY)).encode())[:8]


def _draw(files: Mapping[str, Path], folder: Path) -> Iterator[tuple[int, int]]:
    folder.mkdir(parents=True)
    shape = shape_of(json.loads(files["config.json"].read_text(encoding="utf-8")))
    assert shape is not None, "only asked for encoders that can be drawn"
    (folder / INT8_FILE).write_bytes(drawn(shape, Weights(files[WEIGHTS_FILE]), int8=True))
    yield 1, 1
