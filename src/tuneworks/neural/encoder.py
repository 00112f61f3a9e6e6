"""A Hugging Face encoder with its tokenizer: texts in, token states out, pooled by example or by unit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModel
from transformers.utils import logging

from tuneworks.core.events import Listener, advance
from tuneworks.core.text import Text
from tuneworks.core.wanted import go_on_if_wanted
from tuneworks.neural.adapters import with_adapter
from tuneworks.neural.batches import Batch, batches_of
from tuneworks.neural.devices import device, numbers_of
from tuneworks.neural.encoder_files import STOCK_FILES, Settings, load_settings, load_tokenizer
from tuneworks.neural.flat import by_padding, embedded, layers_by_padding, layers_of, made_flat, through
from tuneworks.neural.model_folders import refuse_own_code
from tuneworks.neural.pieces import Piece, pieces_of, readable
from tuneworks.neural.precision import Halves
from tuneworks.neural.soft_prompts import SoftPrompts
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics.features import Floats


class Below(Protocol):
    """States (T, D) of a batch's stream after the lowest ``count`` layers."""

    count: int

    def __call__(self, batch: Batch) -> Tensor: ...


class Encoder(nn.Module):
    """The network and the tokenizer that belongs to it; mean pooling over tokens.

    ``weights_file``: where its weights came from; ``adapted``: whether an adapter lay beside it; ``prompts``: what
    stands before every text; ``below``: where the states that the upper layers begin with come from, if not from here;
    ``halves``: the layers that gradients are asked of, where these are not its own.
    """

    weights_file: Path
    adapted: bool = False
    below: Below | None = None
    halves: Halves | None = None

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, settings: Settings) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings
        self.width: int = model.config.hidden_size
        self._is_known = made_flat(model)

    def pieces(self, values: Sequence[Any], units: Sequence[Sequence[tuple[int, int]]] | None = None) -> list[Piece]:
        """Tokenised texts or pairs, each cut at the maximum length, or in overlapping windows where there are units."""
        read = [readable(value) for value in values]
        made = pieces_of(self.tokenizer, read, self.settings.prefix, self.settings.max_length, units)
        return self.prompts.before(made) if self.prompts is not None else made

    def forward(self, batch: Batch) -> Tensor:
        """States of the stream of a batch's tokens (T, D)."""
        if not self._is_known:
            return by_padding(self.model, batch, self.pad)
        if self.below is not None:
            return self._through(self.below(batch), batch, self.below.count, len(self.layers))
        return self.lowest(batch, len(self.layers))

    def lowest(self, batch: Batch, count: int) -> Tensor:
        """States of the stream (T, D) after the lowest ``count`` layers of a model of a known family."""
        return self._through(embedded(self.model, batch), batch, 0, count)

    def _through(self, states: Tensor, batch: Batch, begin: int, end: int) -> Tensor:
        if self.halves is not None and torch.is_grad_enabled():
            return self.halves.through(states, batch, begin, end)
        return through(self.layers[begin:end], states, batch)

    @property
    def layers(self) -> Sequence[nn.Module]:
        """The layers, lowest first, of a model of a known family; none of others."""
        return layers_of(self.model) if self._is_known else []

    def pooled(self, batch: Batch) -> Tensor:
        """Features of a batch's examples: the mean of their token states (B, D)."""
        return torch.cat([self._mean(states, batch) for states in self.read(batch)], dim=1)

    def unit_states(self, batch: Batch) -> Tensor:
        """Features of a batch's units: the mean of the states of the tokens that touch each (U, D)."""
        return torch.cat([batch.unit_means(states) for states in self.read(batch)], dim=1)

    def both(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Features of a batch's examples (B, D) and of its units (U, D), read once."""
        states = self(batch)
        return self._mean(states, batch), batch.unit_means(states)

    def read(self, batch: Batch) -> list[Tensor]:
        """The stream's states (T, D) after each of the layers that features are made of."""
        numbers = self.settings.layers
        if not numbers:
            return [self(batch)]
        if not self._is_known:
            return layers_by_padding(self.model, batch, self.pad, numbers)
        made = [self.lowest(batch, numbers[0])]
        for below, number in pairwise(numbers):
            made.append(self._through(made[-1], batch, below, number))
        return made

    def _mean(self, states: Tensor, batch: Batch) -> Tensor:
        mean = batch.means(states)
        return nn.functional.normalize(mean, dim=1) if self.settings.normalise else mean

    def batches(self, pieces: Sequence[Piece], tokens: int) -> Iterator[Batch]:
        """Batches of pieces of like length, at most ``tokens`` tokens each, longest first."""
        return batches_of(pieces, tokens)

    @property
    def prompts(self) -> SoftPrompts | None:
        """What stands before every text, if anything does."""
        words = self.model.get_input_embeddings()
        return words if isinstance(words, SoftPrompts) else None

    @property
    def pad(self) -> int:
        return int(self.model.config.pad_token_id or 0)


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
    width = encoder.width * max(1, len(encoder.settings.layers))
    made = np.zeros((len(values) if starts is None else int(starts[-1]), width), np.float32)

    def encode(batch: Batch) -> int:
        if starts is None:
            made[batch.examples] = numbers_of(encoder.pooled(batch))
        else:
            rows = [starts[p.example] + unit for p in batch.pieces for unit, _ in p.units]
            made[rows] = numbers_of(encoder.unit_states(batch))
        return len(batch.pieces)

    done = 0
    for count in side_by_side(encode, encoder.batches(pieces, at_once)):
        go_on_if_wanted()
        done += count
        advance(listener, Text("encoding texts", "编码文本"), done, len(pieces))
    return made


def load_encoder(files: Mapping[str, Path]) -> Encoder:
    """An encoder from its files (see ``FOLDER_FILES``); nothing is fetched and no code in the folder is run."""
    with tempfile.TemporaryDirectory() as place:
        for name in STOCK_FILES:
            if name in files:
                (Path(place) / name).symlink_to(files[name].absolute())
        model = _quietly_loaded(place)
    model.eval()
    made: Encoder = with_adapter(Encoder(model, load_tokenizer(files), load_settings(files)), files)
    return made.to(device())


def _quietly_loaded(folder: str) -> nn.Module:
    """The stock model without its pooler: features are means over tokens."""
    refuse_own_code(Path(folder))
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model: nn.Module = AutoModel.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
    )
    if hasattr(model, "pooler"):
        model.pooler = None
    return model
