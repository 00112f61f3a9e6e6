"""A Hugging Face encoder with its tokenizer: texts in, token states out, pooled by example or by unit."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel
from transformers.utils import logging

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.events import Listener, advance
from tuneworks.core.text import Text
from tuneworks.neural.batches import Batch, Piece, batches_of, pieces_of, readable
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics.features import Floats

SETTINGS_FILE = "encoder.json"
WEIGHTS_FILE = "model.safetensors"
FOLDER_FILES = ("config.json", WEIGHTS_FILE, "tokenizer.json", "tokenizer_config.json", SETTINGS_FILE)


@dataclass(frozen=True)
class Settings:
    """How texts become features: what is written before each, how many tokens are read, whether vectors have norm 1."""

    prefix: str = ""
    max_length: int = 256
    normalise: bool = True

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Settings:
        return cls(**json.loads(data))

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


class Encoder(nn.Module):
    """The network and the tokenizer that belongs to it; mean pooling over tokens."""

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, settings: Settings) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings
        self.width: int = model.config.hidden_size

    def pieces(self, values: Sequence[Any], units: Sequence[Sequence[tuple[int, int]]] | None = None) -> list[Piece]:
        """Tokenised texts or pairs, each cut at the maximum length, or in overlapping windows where there are units."""
        read = [readable(value) for value in values]
        return pieces_of(self.tokenizer, read, self.settings.prefix, self.settings.max_length, units)

    def forward(self, batch: Batch) -> Tensor:
        """Token states of a batch (B, T, D)."""
        states: Tensor = self.model(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
        return states

    def pooled(self, batch: Batch) -> Tensor:
        """Features of a batch's examples: the mean of their token states (B, D)."""
        return self._mean(self(batch), batch)

    def unit_states(self, batch: Batch) -> Tensor:
        """Features of a batch's units: the mean of the states of the tokens that touch each (U, D)."""
        return means_of_units(self(batch), batch)

    def both(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Features of a batch's examples (B, D) and of its units (U, D), read once."""
        states = self(batch)
        return self._mean(states, batch), means_of_units(states, batch)

    def _mean(self, states: Tensor, batch: Batch) -> Tensor:
        if batch.mask is None:
            mean = states.mean(dim=1)
        else:
            mask = batch.mask.unsqueeze(-1).to(states.dtype)
            mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
        return nn.functional.normalize(mean, dim=1) if self.settings.normalise else mean

    def batches(self, pieces: Sequence[Piece], tokens: int) -> Iterator[Batch]:
        """Batches of pieces of like length, at most ``tokens`` tokens each, longest first."""
        return batches_of(pieces, tokens, pad=self.pad)

    @property
    def pad(self) -> int:
        return int(self.model.config.pad_token_id or 0)


def means_of_units(states: Tensor, batch: Batch) -> Tensor:
    """The mean of the states (B, T, D) of the tokens that touch each of a batch's units (U, D)."""
    flat = states.flatten(0, 1)
    summed = flat.new_zeros(batch.unit_count, flat.shape[1])
    summed.index_add_(0, batch.unit_of_token, flat[batch.token_of_unit])
    return summed / batch.tokens_per_unit.clamp(min=1).unsqueeze(1)


def encoded(
    encoder: Encoder,
    values: Sequence[Any],
    units: Sequence[Sequence[tuple[int, int]]] | None,
    listener: Listener,
    *,
    at_once: int,
) -> Floats:
    """Features of texts (N, D), or of their units (sum of L, D); batches of ``at_once`` tokens, side by side."""
    pieces = encoder.pieces(values, units)
    starts = np.cumsum([0, *(len(spans) for spans in units)]) if units is not None else None
    made = np.zeros((len(values) if starts is None else int(starts[-1]), encoder.width), np.float32)

    def encode(batch: Batch) -> int:
        if starts is None:
            made[batch.examples] = encoder.pooled(batch).numpy()
        else:
            rows = [starts[p.example] + unit for p in batch.pieces for unit, _ in p.units]
            made[rows] = encoder.unit_states(batch).numpy()
        return len(batch.pieces)

    done = 0
    for count in side_by_side(encode, encoder.batches(pieces, at_once)):
        done += count
        advance(listener, Text("encoding texts", "编码文本"), done, len(pieces))
    return made


def truncated(files: Mapping[str, Path], values: Sequence[Any]) -> list[bool]:
    """For each text, whether its end is cut off by the encoder's maximum length."""
    settings = load_settings(files)
    read = [readable(value) for value in values]
    return [p.truncated for p in pieces_of(load_tokenizer(files), read, settings.prefix, settings.max_length)]


def load_encoder(files: Mapping[str, Path]) -> Encoder:
    """An encoder from its files (see ``FOLDER_FILES``); nothing is fetched and no code in the folder is run."""
    with tempfile.TemporaryDirectory() as place:
        for name in FOLDER_FILES:
            if name in files:
                (Path(place) / name).symlink_to(files[name].absolute())
        model = _quietly_loaded(place)
    model.eval()
    return Encoder(model, load_tokenizer(files), load_settings(files))


def load_tokenizer(files: Mapping[str, Path]) -> Tokenizer:
    """The encoder's tokenizer, neither padding nor cutting."""
    tokenizer = Tokenizer.from_file(str(files["tokenizer.json"]))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def width_of(files: Mapping[str, Path]) -> int:
    """How many features the encoder gives, as its configuration says."""
    stated = json.loads(files["config.json"].read_text(encoding="utf-8"))
    return int(AutoConfig.for_model(**stated).hidden_size)


def load_settings(files: Mapping[str, Path]) -> Settings:
    """How the encoder's texts are read."""
    return Settings.from_json(files[SETTINGS_FILE].read_bytes()) if SETTINGS_FILE in files else Settings()


def _quietly_loaded(folder: str) -> nn.Module:
    """The stock model without its pooler: features are means over tokens."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model: nn.Module = AutoModel.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
    )
    if hasattr(model, "pooler"):
        model.pooler = None
    return model


def weights_of(encoder: Encoder) -> dict[str, Any]:
    """The network's weights by name, contiguous, as ``AutoModel`` reads them."""
    return {name: tensor.detach().contiguous() for name, tensor in encoder.model.state_dict().items()}
