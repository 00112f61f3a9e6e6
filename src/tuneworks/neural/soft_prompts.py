"""Soft prompts: vectors put before a text's tokens, as if they were words (Lester et al. 2021, arXiv 2104.08691)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tuneworks.neural.pieces import Piece


class SoftPrompts(nn.Module):
    """Word embeddings whose numbers past the vocabulary are those of prompts."""

    def __init__(self, words: Any, prompts: Tensor) -> None:
        super().__init__()
        self.words, self.prompts = words, nn.Parameter(prompts)

    @property
    def num_embeddings(self) -> int:
        return int(self.words.num_embeddings)

    @property
    def weight(self) -> Tensor:
        made: Tensor = self.words.weight
        return made

    def forward(self, ids: Tensor) -> Tensor:
        soft = ids >= self.num_embeddings
        said = functional.embedding((ids - self.num_embeddings).clamp(min=0), self.prompts)
        return torch.where(soft.unsqueeze(-1), said, self.words(ids.masked_fill(soft, 0)))

    def before(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Pieces with the prompts' numbers before their own."""
        count = len(self.prompts)
        ids = list(range(self.num_embeddings, self.num_embeddings + count))
        return [
            replace(
                piece,
                ids=[*ids, *piece.ids],
                units=tuple((unit, tuple(at + count for at in places)) for unit, places in piece.units),
            )
            for piece in pieces
        ]


def put_into(model: Any, prompts: Tensor) -> SoftPrompts:
    """The model's word embeddings, from now on with prompts."""
    words: Any = model.get_input_embeddings()
    path = next(name for name, module in model.named_modules() if module is words)
    parent, _, name = path.rpartition(".")
    made = SoftPrompts(words, prompts)
    setattr(model.get_submodule(parent), name, made)
    return made
