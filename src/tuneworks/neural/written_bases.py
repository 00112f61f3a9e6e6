"""What the bases that write texts share: their files from an address, and features of what they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import LoadedBase
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.events import Listener, silent
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.core.packages import converted_once, package_folder
from tuneworks.core.text import Text
from tuneworks.neural import encoder
from tuneworks.neural.encoder import Encoder, encoded
from tuneworks.neural.model_folders import model_folder, read_object
from tuneworks.neural.prompts import Prompts, as_text
from tuneworks.neural.writer import (
    FOLDER_FILES,
    SETTINGS_FILE,
    Settings,
    Writer,
    load_settings,
    load_tokenizer,
    load_writer,
    width_of,
)
from tuneworks.neural.writer_packages import Package
from tuneworks.statistics.features import Floats

TOKENS_AT_ONCE = 512
USUAL_LIMIT = 512
LEAST_LENGTH = 8


def files_at(
    address: str, packages: Mapping[str, Package], options: Mapping[str, Any], listener: Listener
) -> dict[str, Path | bytes]:
    """The model's files found at the address, and its settings."""
    kind, _, rest = address.partition(":")
    folder = _in_package(rest, packages[rest], listener) if kind == "pkg" else model_folder(address)
    files: dict[str, Path | bytes] = {n: folder / n for n in FOLDER_FILES if (folder / n).exists()}
    stored = folder / SETTINGS_FILE
    settings = Settings.from_json(stored.read_bytes()) if stored.exists() else Settings()
    limit = int(read_object(folder / "config.json").get("max_position_embeddings") or USUAL_LIMIT * 2)
    return {**files, SETTINGS_FILE: _with_length(settings, options.get("max_length"), limit).to_json()}


class LoadedWriter(LoadedBase):
    """A network that writes; its features are the mean states of what it reads. Weights are read when first needed."""

    writes = True
    files = FOLDER_FILES

    def __init__(self, files: Mapping[str, Path], kind: type[Writer]) -> None:
        self._files, self._kind = files, kind
        hashes = [sha256_of_file(files[n]) for n in FOLDER_FILES if n in files]
        self.fingerprint = f"writer-{sha256_of_bytes(''.join(hashes).encode())[:16]}"
        self.width = width_of(files)

    @cached_property
    def _reader(self) -> Encoder:
        """The part of the network that reads, as an encoder."""
        writer = self.writer()
        settings = encoder.Settings(max_length=writer.settings.max_length, normalise=False)
        return Encoder(writer.body(), writer.tokenizer, settings)

    def writer(self) -> Writer:
        return load_writer(self._files, self._kind)

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Floats:
        texts = [as_text(value) + self._kind.separator for value in values]
        return encoded(self._reader, texts, units, listener, at_once=TOKENS_AT_ONCE)

    def truncated(self, values: Sequence[Any]) -> Sequence[bool]:
        return [self._prompts.truncated(value) for value in values]

    def tokens(self, values: Sequence[Any]) -> Sequence[int]:
        return [len(self._prompts(value)) for value in values]

    @cached_property
    def _prompts(self) -> Prompts:
        return Prompts(load_tokenizer(self._files), load_settings(self._files).max_length, self._kind.separator)


def _in_package(name: str, package: Package, listener: Listener) -> Path:
    otherwise = Text(f", or a folder like {package.instead}", f"，或使用 {package.instead} 这样的目录")
    packed = next(package_folder(name, package.module, otherwise).rglob(package.packed))
    return converted_once(
        name, partial(import_module(f"tuneworks.neural.{package.converter}").convert, packed), listener
    )


def _with_length(settings: Settings, wanted: Any, limit: int) -> Settings:
    wanted = min(settings.max_length, limit) if wanted is None else wanted
    if isinstance(wanted, int) and LEAST_LENGTH <= wanted <= limit:
        return replace(settings, max_length=wanted)
    raise InvalidConfig(
        Text(
            f"max_length is {wanted}; this model reads {LEAST_LENGTH} to {limit} tokens.",
            f"max_length 为 {wanted}；该模型支持 {LEAST_LENGTH} 到 {limit} 个词元。",
        ),
        Text(
            f"Set recipe.options.max_length to at most {limit}.", f"请将 recipe.options.max_length 设为不超过 {limit}。"
        ),
    )
