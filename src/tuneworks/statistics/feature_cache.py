"""Pooled features kept on disk by content: a text is embedded once by the same base, whatever it is used for.

Two files a fingerprint: ``.keys`` (SHA-256 of each value) and ``.f32`` (its row of floats), both only ever appended
to, values on disk before keys, so that a crash leaves at most values without a key, which the next append overwrites;
keys without values are dropped first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tuneworks.core.bounded import in_use, trim
from tuneworks.core.contracts import LoadedBase, Model
from tuneworks.core.events import Listener, silent
from tuneworks.statistics.features import Floats

KEY = 32


class CachedBase(LoadedBase):
    """A base whose pooled features are kept in the cache: what was embedded once by equal weights is not again."""

    def __init__(self, base: LoadedBase, cache: Path) -> None:
        self._base, self._folder = base, cache / "features"
        self.fingerprint, self.width = base.fingerprint, base.width
        self.files, self.has_network, self.joint = base.files, base.has_network, base.joint
        self.writes, self.runtime = base.writes, base.runtime

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Any:
        if units is not None or self.width is None:
            return self._base.features(values, units, listener)
        store = FeatureCache(self._folder, self.fingerprint, self.width)
        return store.get(values, lambda missing: self._base.features(missing, None, listener))

    def network(self) -> Any:
        return self._base.network()

    def writer(self) -> Any:
        return self._base.writer()

    def has_mask(self) -> bool:
        return self._base.has_mask()

    def truncated(self, values: Sequence[Any]) -> Sequence[bool]:
        return self._base.truncated(values)

    def origins(self, value: Any) -> Any:
        return self._base.origins(value)


def cached(model: Model, cache: Path) -> Model:
    """The model with every base's pooled features kept in the cache."""
    return replace(model, bases=tuple((use, CachedBase(base, cache)) for use, base in model.bases))


class FeatureCache:
    """Rows of ``width`` floats by the content of the value they belong to."""

    def __init__(self, folder: Path, fingerprint: str, width: int) -> None:
        self._folder, self._fingerprint = folder, fingerprint
        self._keys = folder / f"{fingerprint}.keys"
        self._rows = folder / f"{fingerprint}.f32"
        self._width = width

    def get(self, values: Sequence[Any], compute: Callable[[list[Any]], Any]) -> Floats:
        """Features (N, D) of the values; ``compute`` is asked once for those not yet held."""
        with in_use(self._folder, self._fingerprint):
            made = self._got(values, compute)
        trim(self._folder)
        return made

    def _got(self, values: Sequence[Any], compute: Callable[[list[Any]], Any]) -> Floats:
        keys = [hashlib.sha256(str(value).encode("utf-8", "surrogatepass")).digest() for value in values]
        held = self._held()
        missing = {key: value for key, value in zip(keys, values, strict=True) if key not in held}
        if missing:
            self._append(list(missing), compute(list(missing.values())))
            held = self._held()
        if not keys:
            return np.empty((0, self._width), np.float32)
        stored = np.memmap(self._rows, dtype=np.float32, mode="r", shape=(1 + max(held.values()), self._width))
        return np.asarray(stored[[held[key] for key in keys]])

    def _held(self) -> dict[bytes, int]:
        data = self._keys.read_bytes() if self._keys.exists() else b""
        rows = self._rows.stat().st_size // (4 * self._width) if self._rows.exists() else 0
        return {data[i * KEY : (i + 1) * KEY]: i for i in range(min(len(data) // KEY, rows))}

    def _append(self, keys: list[bytes], rows: Any) -> None:
        with self._locked():
            count = len(self._held_positions())
            if self._keys.exists():
                os.truncate(self._keys, count * KEY)
            with open(self._rows, "r+b" if self._rows.exists() else "w+b") as file:
                file.seek(count * 4 * self._width)
                file.write(np.ascontiguousarray(rows, dtype=np.float32).tobytes())
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            with open(self._keys, "r+b" if self._keys.exists() else "w+b") as file:
                file.seek(count * KEY)
                file.write(b"".join(keys))
                file.truncate()

    def _held_positions(self) -> range:
        size = self._keys.stat().st_size if self._keys.exists() else 0
        rows = self._rows.stat().st_size // (4 * self._width) if self._rows.exists() else 0
        return range(min(size // KEY, rows))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self._keys.with_suffix(".lock"), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
