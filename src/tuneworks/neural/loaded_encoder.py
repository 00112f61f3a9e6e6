"""An encoder whose features are those of its network, and what of it can be drawn as a graph."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from tuneworks.core.events import Listener, silent
from tuneworks.neural.devices import numbers_of
from tuneworks.neural.encoder import Encoder, encoded
from tuneworks.neural.encoder_files import GRAPHS, WEIGHTS_FILE
from tuneworks.neural.stock_weights import HeldWeights, NamedWeights, Shape, Weights, shape_of
from tuneworks.neural.stored_encoder import StoredEncoder
from tuneworks.statistics.features import Floats

TOKENS_AT_ONCE = 512


class LoadedEncoder(StoredEncoder):
    """An encoder whose weights are read when they are first needed."""

    @property
    def forms(self) -> tuple[str, ...]:  # type: ignore[override]  # looked up, not stated
        able = self._shape is not None and self._encoder.prompts is None and find_spec("onnx") is not None
        return tuple(GRAPHS) if able else ()

    def compiled(self, form: str) -> Mapping[str, bytes]:
        from tuneworks.neural.onnx_graph import drawn

        assert self._shape is not None, "only asked for one of its forms"
        return {GRAPHS[form]: drawn(self._shape, self._weights, int8=form == "int8")}

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

    @cached_property
    def _shape(self) -> Shape | None:
        """What a graph of it depends on; ``None`` where it has none."""
        return shape_of(json.loads(self._files["config.json"].read_text(encoding="utf-8")))

    @property
    def _weights(self) -> NamedWeights:
        """The weights as they are; with an adapter folded in where one lies beside them."""
        if not self._encoder.adapted:
            return Weights(self._files[WEIGHTS_FILE])
        return HeldWeights({name: numbers_of(weight) for name, weight in self._encoder.model.state_dict().items()})
