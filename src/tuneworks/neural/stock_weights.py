"""Weights of stock text encoders read from their safetensors without torch: one set of names for all families.

A family's table names the tensors of one layer; its prefix (``bert.``, ``roberta.``) is left out where there is one.
"""

from __future__ import annotations

import json
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.statistics.features import Floats

PREFIXES = ("", "bert.", "roberta.", "distilbert.", "xlm_roberta.")
WORDS = "embeddings.word_embeddings.weight"
POSITIONS = "embeddings.position_embeddings.weight"
TYPES = "embeddings.token_type_embeddings.weight"
BERT = {
    "query": "encoder.layer.{}.attention.self.query",
    "key": "encoder.layer.{}.attention.self.key",
    "value": "encoder.layer.{}.attention.self.value",
    "mixed": "encoder.layer.{}.attention.output.dense",
    "first_norm": "encoder.layer.{}.attention.output.LayerNorm",
    "inner": "encoder.layer.{}.intermediate.dense",
    "outer": "encoder.layer.{}.output.dense",
    "last_norm": "encoder.layer.{}.output.LayerNorm",
}
DISTILBERT = {
    "query": "transformer.layer.{}.attention.q_lin",
    "key": "transformer.layer.{}.attention.k_lin",
    "value": "transformer.layer.{}.attention.v_lin",
    "mixed": "transformer.layer.{}.attention.out_lin",
    "first_norm": "transformer.layer.{}.sa_layer_norm",
    "inner": "transformer.layer.{}.ffn.lin1",
    "outer": "transformer.layer.{}.ffn.lin2",
    "last_norm": "transformer.layer.{}.output_layer_norm",
}
FAMILIES = {"bert": BERT, "roberta": BERT, "xlm-roberta": BERT, "camembert": BERT, "distilbert": DISTILBERT}
AFTER_PADDING = ("roberta", "xlm-roberta", "camembert")  # families whose positions count from after the padding's
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")
FLOATS = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "F64": "<f8"}


@dataclass(frozen=True)
class Shape:
    """What of a configuration an encoder's graph depends on."""

    family: str
    layers: int
    heads: int
    activation: str
    epsilon: float
    first_position: int


@dataclass(frozen=True)
class Table:
    """A matrix in a file, of which rows are read when they are asked for."""

    rows: NDArray[Any]
    kind: str

    @property
    def width(self) -> int:
        return int(self.rows.shape[1])

    def __getitem__(self, chosen: Any) -> Floats:
        held = self.rows[chosen]
        if self.kind == "BF16":
            return (held.astype(np.uint32) << 16).view(np.float32)
        return held.astype(np.float32, copy=False)


def shape_of(config: Mapping[str, Any]) -> Shape | None:
    """The shape a configuration states; ``None`` where the encoder is none of the families drawn here."""
    family = str(config.get("model_type"))
    activation = str(config.get("hidden_act") or config.get("activation") or "gelu")
    plain = config.get("position_embedding_type", "absolute") == "absolute" and not config.get("is_decoder")
    if family not in FAMILIES or activation not in ACTIVATIONS or not plain:
        return None
    after = int(config.get("pad_token_id") or 0) + 1 if family in AFTER_PADDING else 0
    layers, heads = (("n_layers", "n_heads"), ("num_hidden_layers", "num_attention_heads"))[family != "distilbert"]
    epsilon = 1e-12 if family == "distilbert" else float(config.get("layer_norm_eps", 1e-12))
    return Shape(family, int(config[layers]), int(config[heads]), activation, epsilon, after)


class NamedWeights(ABC):
    """An encoder's tensors by their names without the family's prefix."""

    @abstractmethod
    def __contains__(self, name: str) -> bool: ...

    @abstractmethod
    def __getitem__(self, name: str) -> Floats: ...

    def linear(self, name: str) -> tuple[Floats, Floats]:
        """A layer's matrix (in, out) and its bias (out,)."""
        return self[f"{name}.weight"].T, self[f"{name}.bias"]


@dataclass(frozen=True)
class HeldWeights(NamedWeights):
    """Tensors in memory."""

    arrays: Mapping[str, Floats]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def __getitem__(self, name: str) -> Floats:
        return self.arrays[name]


class Weights(NamedWeights):
    """Tensors of a safetensors file, read from it when asked for."""

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            stated = json.loads(file.read(length))
        self._path, self._begin = path, 8 + length
        self._stated = {name: entry for name, entry in stated.items() if name != "__metadata__"}
        self._prefix = next((prefix for prefix in PREFIXES if prefix + WORDS in self._stated), "")

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._stated

    def table(self, name: str) -> Table:
        """A tensor that stays in its file."""
        entry = self._stated[self._prefix + name]
        begin, _ = entry["data_offsets"]
        kind, shape = entry["dtype"], tuple(entry["shape"])
        held = np.memmap(self._path, FLOATS[kind], "r", self._begin + begin, shape)
        return Table(held.view(np.ndarray), kind)

    def __getitem__(self, name: str) -> Floats:
        return np.ascontiguousarray(self.table(name)[...])
