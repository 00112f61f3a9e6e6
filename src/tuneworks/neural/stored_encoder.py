"""A text encoder by its files alone: what identifies it, how it reads, and its network for those who tune it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import LoadedBase
from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.neural.encoder_files import FOLDER_FILES, load_tokenizer, mask_of, truncated


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

    def has_mask(self) -> bool:
        return mask_of(load_tokenizer(self._files)) is not None

    def truncated(self, values: Sequence[Any]) -> Sequence[bool]:
        return truncated(self._files, values)
