"""A text encoder by its files alone: what identifies it, how it reads, and its network for those who tune it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import LoadedBase
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.neural.encoder_files import (
    FOLDER_FILES,
    load_settings,
    load_tokenizer,
    mask_of,
    token_counts,
    truncated,
)


class StoredEncoder(LoadedBase):
    """The contract of encoders that differ in how their features are computed; ``family`` begins the fingerprint.

    ``read``: the network from the files, which is asked for only where weights are needed.
    """

    has_network = True
    files: tuple[str, ...] = FOLDER_FILES

    def __init__(
        self, files: Mapping[str, Path], read: Callable[[Mapping[str, Path]], Any], width: int, family: str
    ) -> None:
        self._files, self._read, self.width = files, read, width
        hashes = [sha256_of_file(files[name]) for name in self.files if name in files]
        self.fingerprint = f"{family}-{sha256_of_bytes(''.join(hashes).encode())[:16]}"

    def network(self) -> Any:
        made = self._read(self._files)
        made.settings = replace(made.settings, layers=())
        return made

    def reading_network(self) -> Any:
        """The network with the layers that this base's features are made of."""
        return self._read(self._files)

    def has_mask(self) -> bool:
        return mask_of(load_tokenizer(self._files)) is not None

    def truncated(self, values: Sequence[Any]) -> Sequence[bool]:
        return truncated(self._files, values)

    def tokens(self, values: Sequence[Any]) -> Sequence[int]:
        return token_counts(self._tokenizer, load_settings(self._files), values)

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self._files)
