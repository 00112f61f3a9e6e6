"""The embedding rows in use, alone: what no text of a training holds needs no gradient, no moments and no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

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

    An encoder whose embeddings do not learn, or are no table of numbers, stays as it is.
    """
    model: Any = encoder.model
    whole = model.get_input_embeddings()
    if type(whole) is not nn.Embedding or not whole.weight.requires_grad:
        yield
        return
    seen = sorted({encoder.pad, *(token for piece in pieces for token in piece.ids)})
    held = torch.tensor(seen, device=whole.weight.device)
    rows = Rows(whole, held)
    model.set_input_embeddings(rows)
    try:
        yield
    finally:
        with torch.no_grad():
            whole.weight[held] = rows.weight
        model.set_input_embeddings(whole)
