"""An encoder whose features are those of its network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from tuneworks.core.events import Listener, silent
from tuneworks.neural.encoder import Encoder, encoded
from tuneworks.neural.stored_encoder import StoredEncoder
from tuneworks.statistics.features import Floats

TOKENS_AT_ONCE = 512


class LoadedEncoder(StoredEncoder):
    """An encoder whose weights are read when they are first needed."""

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Floats:
        return encoded(self._encoder, values, units, listener, at_once=TOKENS_AT_ONCE)

    @cached_property
    def _encoder(self) -> Encoder:
        made: Encoder = self._read(self._files)
        return made
