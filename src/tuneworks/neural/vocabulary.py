"""The embedding rows in use, alone: what no text of a training holds needs no gradient, no moments and no memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tuneworks.neural.devices import numbers_of
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.pieces import Piece


class Rows(nn.Embedding):
    """Some rows of an embedding, looked up by the numbers they have in the whole."""

    places: Tensor

    def __init__(self, whole: nn.Embedding, held: Tensor) -> None:
        padding = (held == whole.padding_idx).nonzero().flatten().tolist() if whole.padding_idx is not None else []
        super().__init__(
            len(held), whole.embedding_dim, next(iter(padding), None), _weight=whole.weight.detach()[held].clone()
        )
        self.weight.requires_grad = whole.weight.requires_grad
        places = torch.full((whole.num_embeddings,), -1, device=held.device)
        places[held] = torch.arange(len(held), device=held.device)
        self.register_buffer("places", places, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(self.places[input])


@contextmanager
def compacted(encoder: Encoder, pieces: Iterable[Piece]) -> Iterator[None]:
    """Meanwhile the encoder holds only the embedding rows of these pieces; afterwards all, with what those learnt.

    The others wait in a file. An encoder whose embeddings are no table of numbers stays as it is.
    """
    model: Any = encoder.model
    whole = model.get_input_embeddings()
    if type(whole) is not nn.Embedding:
        yield
        return
    held = torch.tensor(sorted({encoder.pad, *(token for piece in pieces for token in piece.ids)}))
    rows = Rows(whole, held)
    with _in_a_file(whole):
        model.set_input_embeddings(rows)
        try:
            yield
        finally:
            model.set_input_embeddings(whole)
    with torch.no_grad():
        whole.weight[held] = rows.weight


@contextmanager
def _in_a_file(table: nn.Embedding) -> Iterator[None]:
    """Meanwhile the table's numbers take no memory; they are back afterwards, whatever happened."""
    place, shape = table.weight.device, table.weight.shape
    with tempfile.TemporaryFile() as file:
        numbers = numbers_of(table.weight)
        numbers.tofile(file)
        table.weight.data = torch.empty(0)
        try:
            yield
        finally:
            file.seek(0)
            back = np.fromfile(file, numbers.dtype).reshape(shape)
            table.weight.data = torch.from_numpy(back).to(place)
