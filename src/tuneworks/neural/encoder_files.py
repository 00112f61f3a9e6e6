"""A text encoder's folder: its files' names, how its texts are read, and its tokenizer; no torch is needed for any."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text
from tuneworks.neural.pieces import pieces_of, readable

SETTINGS_FILE = "encoder.json"
WEIGHTS_FILE = "model.safetensors"
INT8_FILE = "encoder.int8.onnx"
GRAPHS = {"int8": INT8_FILE, "float32": "encoder.float32.onnx"}
"""By precision: the file of an encoder's graph."""
FAST_TYPE = "use-multilingual-cnn"
ADAPTER_WEIGHTS, ADAPTER_SETTINGS = "adapter_model.safetensors", "adapter_config.json"
ADAPTER_FILES = (ADAPTER_WEIGHTS, ADAPTER_SETTINGS)
STOCK_FILES = ("config.json", WEIGHTS_FILE, "tokenizer.json", "tokenizer_config.json", SETTINGS_FILE)
FOLDER_FILES = (*STOCK_FILES, *ADAPTER_FILES)
DEPTHS = ("num_hidden_layers", "n_layers", "num_layers")  # what they call the number of layers
MASKS = ("[MASK]", "<mask>")  # what vocabularies call the token that hides others
WIDTHS = ("hidden_size", "dim", "d_model", "n_embd")  # what configurations call the width of token states


@dataclass(frozen=True)
class Settings:
    """How texts become features: what is written before each, how many tokens are read, whether vectors have norm 1.

    ``layers``: those (1 the lowest) whose means over tokens stand side by side; the last where none is named.
    """

    prefix: str = ""
    max_length: int = 256
    normalise: bool = True
    layers: tuple[int, ...] = ()

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Settings:
        stated = json.loads(data)
        return cls(**{**stated, "layers": tuple(stated.get("layers", ()))})

    def with_length(self, wanted: Any, limit: int) -> Settings:
        """These settings with another maximum length; raises ``InvalidConfig`` past the limit."""
        if isinstance(wanted, int) and 8 <= wanted <= limit:
            return replace(self, max_length=wanted)
        raise InvalidConfig(
            Text(
                f"max_length is {wanted}; this encoder reads 8 to {limit} tokens.",
                f"max_length 为 {wanted}；该编码器支持 8 到 {limit} 个词元。",
            ),
            Text(
                f"Set recipe.options.max_length to at most {limit}.",
                f"请将 recipe.options.max_length 设为不超过 {limit}。",
            ),
        )

    def with_layers(self, wanted: Any, count: int) -> Settings:
        """These settings with features of other layers; raises ``InvalidConfig`` where there are none such."""
        named = tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)
        if all(isinstance(one, int) and 1 <= one <= count for one in named) and list(named) == sorted(set(named)):
            return replace(self, layers=named)
        raise InvalidConfig(
            Text(
                f"feature_layers is {wanted}; this encoder has the layers 1 to {count}.",
                f"feature_layers 为 {wanted}；该编码器有第 1 到 {count} 层。",
            ),
            Text(
                f"Set recipe.options.feature_layers to rising numbers, such as [{max(1, count // 2)}, {count}].",
                f"请将 recipe.options.feature_layers 设为递增的层号，例如 [{max(1, count // 2)}, {count}]。",
            ),
        )


def truncated(files: Mapping[str, Path], values: Sequence[Any]) -> list[bool]:
    """For each text, whether its end is cut off by the encoder's maximum length."""
    settings = load_settings(files)
    read = [readable(value) for value in values]
    return [p.truncated for p in pieces_of(load_tokenizer(files), read, settings.prefix, settings.max_length)]


def token_counts(tokenizer: Tokenizer, settings: Settings, values: Sequence[Any]) -> list[int]:
    """How many tokens the encoder reads of each text: its marks among them, what is cut off not."""
    read = [readable(value) for value in values]
    return [len(piece.ids) for piece in pieces_of(tokenizer, read, settings.prefix, settings.max_length)]


def load_tokenizer(files: Mapping[str, Path]) -> Tokenizer:
    """The encoder's tokenizer, neither padding nor cutting."""
    tokenizer = Tokenizer.from_file(str(files["tokenizer.json"]))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def mask_of(tokenizer: Tokenizer) -> int | None:
    """The token that hides others, where the vocabulary has one."""
    found: list[int | None] = [tokenizer.token_to_id(name) for name in MASKS]
    return next((token for token in found if token is not None), None)


def width_of(files: Mapping[str, Path]) -> int:
    """How many features the encoder gives, as its configuration says."""
    stated = json.loads(files["config.json"].read_text(encoding="utf-8"))
    return int(next(stated[name] for name in WIDTHS if name in stated))


def depth_of(stated: Mapping[str, Any]) -> int:
    """How many layers an encoder of that configuration has."""
    return int(next((stated[name] for name in DEPTHS if name in stated), 0))


def layer_output(number: int) -> str:
    """What an encoder's graph calls the states after a layer, 1 the lowest."""
    return f"layer_{number}"


def feature_width(files: Mapping[str, Path]) -> int:
    """How many features a text has: as many as a token's states for each layer that is read."""
    return width_of(files) * max(1, len(load_settings(files).layers))


def load_settings(files: Mapping[str, Path]) -> Settings:
    """How the encoder's texts are read."""
    return Settings.from_json(files[SETTINGS_FILE].read_bytes()) if SETTINGS_FILE in files else Settings()
