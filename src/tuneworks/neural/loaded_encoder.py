"""An encoder as a base at work: features, a network to tune, and what of a text it does not read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import LoadedBase
from tuneworks.core.events import Listener, silent
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.neural.encoder import Encoder, encoded
from tuneworks.neural.encoder_files import FOLDER_FILES, load_tokenizer, mask_of, truncated
from tuneworks.statistics.features import Floats

TOKENS_AT_ONCE = 512


class LoadedEncoder(LoadedBase):
    """An encoder whose weights are read when they are first needed; ``family`` begins its fingerprint."""

    has_network = True
    files = FOLDER_FILES

    def __init__(
        self, files: Mapping[str, Path], read: Callable[[Mapping[str, Path]], Encoder], width: int, family: str
    ) -> None:
        self._files, self._read, self.width = files, read, width
        hashes = [sha256_of_file(files[name]) for name in FOLDER_FILES if name in files]
        self.fingerprint = f"{family}-{sha256_of_bytes(''.join(hashes).encode())[:16]}"

    @cached_property
    def _encoder(self) -> Encoder:
        return self._read(self._files)

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Floats:
        return encoded(self._encoder, values, units, listener, at_once=TOKENS_AT_ONCE)

    def network(self) -> Encoder:
        made = self._read(self._files)
        made.settings = replace(made.settings, layers=())
        return made

    def has_mask(self) -> bool:
        return mask_of(load_tokenizer(self._files)) is not None

    def truncated(self, values: Sequence[Any]) -> Sequence[bool]:
        return truncated(self._files, values)
