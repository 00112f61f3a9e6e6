"""A stock encoder cut to its first layers: fewer to run through, and weights that are no longer stored.

Nothing is loaded: the tensors of the layers that stay are copied from file to file as they are.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.events import Listener
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.core.packages import made_once
from tuneworks.core.text import Text
from tuneworks.neural.encoder_files import ADAPTER_SETTINGS, DEPTHS, WEIGHTS_FILE, depth_of
from tuneworks.neural.model_folders import read_object
from tuneworks.neural.stock_weights import FAMILIES, shape_of

CONFIG_FILE = "config.json"
LAYER = re.compile(r"\.layer\.(\d+)\.")
MESSAGE = Text("cutting the encoder to its first layers (once)", "截取编码器的前几层（仅一次）")
Files = Mapping[str, Path | bytes]


def cut(files: Files, count: Any, listener: Listener) -> Files:
    """The files of the encoder's first ``count`` layers; raises ``InvalidConfig`` where it cannot be cut so."""
    config, weights = files[CONFIG_FILE], files[WEIGHTS_FILE]
    assert isinstance(config, Path)
    assert isinstance(weights, Path)
    stated = read_object(config)
    depth = depth_of(stated)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= depth:
        raise _no_such_count(count, depth)
    if count == depth:
        return files
    if shape_of(stated) is None or ADAPTER_SETTINGS in files:
        raise _no_known_family()
    hashes = sha256_of_bytes((sha256_of_file(config) + sha256_of_file(weights)).encode())[:16]
    folder = made_once(f"first-{count}-{hashes}", partial(_made, config, weights, count), MESSAGE, listener)
    return {**files, **{name: folder / name for name in (CONFIG_FILE, WEIGHTS_FILE)}}


def _made(config: Path, weights: Path, count: int, folder: Path) -> Iterator[tuple[int, int]]:
    folder.mkdir(parents=True)
    stated = read_object(config)
    fewer = {name: count if name in DEPTHS else value for name, value in stated.items()}
    (folder / CONFIG_FILE).write_text(json.dumps(fewer, indent=2), encoding="utf-8")
    _copy(weights, folder / WEIGHTS_FILE, count)
    yield 1, 1


def _copy(source: Path, target: Path, count: int) -> None:
    """A safetensors file without the tensors of layers past ``count``."""
    with open(source, "rb") as whole, open(target, "wb") as part:
        (length,) = struct.unpack("<Q", whole.read(8))
        stated = json.loads(whole.read(length))
        kept = {name: entry for name, entry in stated.items() if name != "__metadata__" and _number(name) < count}
        header: dict[str, Any] = {name: stated[name] for name in stated if name == "__metadata__"}
        at = 0
        for name, entry in kept.items():
            begin, end = entry["data_offsets"]
            header[name] = {**entry, "data_offsets": [at, at + end - begin]}
            at += end - begin
        said = json.dumps(header).encode()
        said += b" " * (-len(said) % 8)
        part.write(struct.pack("<Q", len(said)) + said)
        for entry in kept.values():
            begin, end = entry["data_offsets"]
            whole.seek(8 + length + begin)
            part.write(whole.read(end - begin))


def _number(name: str) -> int:
    """The number of a tensor's layer, counted from 0; -1 where it belongs to none."""
    found = LAYER.search(name)
    return int(found.group(1)) if found else -1


def _no_such_count(count: Any, depth: int) -> InvalidConfig:
    return InvalidConfig(
        Text(
            f"first_layers is {count}; this encoder has the layers 1 to {depth}.",
            f"first_layers 为 {count}；该编码器有第 1 到 {depth} 层。",
        ),
        Text(
            f"Set recipe.options.first_layers to a whole number, such as {max(1, depth // 2)}.",
            f"请将 recipe.options.first_layers 设为整数，例如 {max(1, depth // 2)}。",
        ),
    )


def _no_known_family() -> InvalidConfig:
    return InvalidConfig(
        Text(
            "This encoder cannot be cut: it is of another family, or an adapter belongs to its whole.",
            "无法截取该编码器：它属于其他系列，或带有针对完整网络的适配器。",
        ),
        Text(
            f"first_layers serves encoders of {', '.join(FAMILIES)} without an adapter; leave it out here.",
            f"first_layers 支持不带适配器的 {'、'.join(FAMILIES)} 编码器；此处请省略。",
        ),
    )
