"""Token pieces as batches: the tokens of all in one flat stream, those of equal length side by side, nothing padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tuneworks.neural.devices import device
from tuneworks.neural.pieces import Piece, grouped


class Run(NamedTuple):
    """Neighbours of equal length in a stream: where their tokens begin, how many pieces, tokens each."""

    begin: int
    pieces: int
    length: int

    def of(self, tokens: Tensor) -> Tensor:
        """The run's own part of what belongs to a stream's tokens (T, ...), by piece (pieces, length, ...)."""
        return tokens[self.begin : self.begin + self.pieces * self.length].unflatten(0, (self.pieces, self.length))


@dataclass(frozen=True)
class Batch:
    """Pieces as one stream of tokens, longest pieces first: ids (T,), positions (T,), and the map from units to tokens.

    ``ranks`` (B,): which of the stream's pieces each of ``pieces`` is.
    """

    pieces: tuple[Piece, ...]
    ids: Tensor
    positions: Tensor
    runs: tuple[Run, ...]
    ranks: Tensor
    unit_count: int
    token_of_unit: Tensor  # places in the stream
    unit_of_token: Tensor  # for each of these, the unit's number in the batch
    tokens_per_unit: Tensor

    @property
    def examples(self) -> list[int]:
        return [piece.example for piece in self.pieces]

    @property
    def stream(self) -> list[Piece]:
        """The pieces in the order of their tokens."""
        return [self.pieces[row] for row in torch.argsort(self.ranks).tolist()]

    def means(self, states: Tensor) -> Tensor:
        """The mean of each piece's token states (T, D), in the pieces' order (B, D)."""
        return torch.cat([run.of(states).mean(dim=1) for run in self.runs])[self.ranks]

    def unit_means(self, states: Tensor) -> Tensor:
        """The mean of the states (T, D) of the tokens that touch each unit (U, D)."""
        summed = states.new_zeros(self.unit_count, states.shape[1])
        summed.index_add_(0, self.unit_of_token, states[self.token_of_unit])
        return summed / self.tokens_per_unit.clamp(min=1).unsqueeze(1)

    def inside(self) -> Tensor:
        """Where tokens stand in the stream's pieces once these are padded to the longest (B, L)."""
        lengths = torch.tensor([run.length for run in self.runs]).repeat_interleave(
            torch.tensor([run.pieces for run in self.runs])
        )
        return (torch.arange(self.runs[0].length)[None, :] < lengths[:, None]).to(self.ids.device)

    def padded(self, pad: int) -> tuple[Tensor, Tensor]:
        """The stream's pieces as a table of ids (B, L), and which of it are tokens (B, L)."""
        inside = self.inside()
        ids = self.ids.new_full(inside.shape, pad)
        ids[inside] = self.ids
        return ids, inside


def batches_of(pieces: Sequence[Piece], tokens: int) -> Iterator[Batch]:
    """Batches of neighbours in length, longest first, each within the token budget (or one piece)."""
    for group in grouped(sorted(pieces, key=_longest_first), tokens):
        yield batch_of(group)


def batch_of(pieces: Sequence[Piece]) -> Batch:
    """Pieces as one batch."""
    order = sorted(range(len(pieces)), key=lambda row: _longest_first(pieces[row]))
    stream = [pieces[row] for row in order]
    runs = tuple(_runs(stream))
    begins = np.empty(len(pieces), np.int64)
    begins[order] = np.cumsum([0, *(len(piece.ids) for piece in stream[:-1])])
    tokens, owners, counts = _unit_maps(pieces, begins.tolist())
    return Batch(
        tuple(pieces),
        torch.tensor([token for piece in stream for token in piece.ids], device=device()),
        torch.cat([torch.arange(run.length).repeat(run.pieces) for run in runs]).to(device()),
        runs,
        torch.from_numpy(np.argsort(order)).to(device()),
        len(counts),
        tokens.to(device()),
        owners.to(device()),
        counts.to(device()),
    )


def shuffled_batches(pieces: Sequence[Piece], tokens: int, *, seed: int, pool: int = 50) -> list[list[Piece]]:
    """One epoch's groups in random order: shuffled, sorted by length in pools of ``pool`` groups, shuffled again."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(pieces))
    mean = max(1.0, float(np.mean([len(piece.ids) for piece in pieces])))
    size = max(1, int(pool * tokens / mean))
    groups: list[list[Piece]] = []
    for begin in range(0, len(order), size):
        chosen = [pieces[i] for i in order[begin : begin + size]]
        groups += grouped(sorted(chosen, key=_longest_first), tokens)
    return [groups[i] for i in random.permutation(len(groups))]


def _longest_first(piece: Piece) -> int:
    return -len(piece.ids)


def _runs(stream: Sequence[Piece]) -> Iterator[Run]:
    begin = 0
    for length, same in groupby(len(piece.ids) for piece in stream):
        count = len(list(same))
        yield Run(begin, count, length)
        begin += count * length


def _unit_maps(pieces: Sequence[Piece], begins: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    tokens: list[int] = []
    owners: list[int] = []
    counts: list[int] = []
    for begin, piece in zip(begins, pieces, strict=True):
        for _, positions in piece.units:
            tokens += [begin + position for position in positions]
            owners += [len(counts)] * len(positions)
            counts.append(len(positions))
    return torch.tensor(tokens, dtype=torch.long), torch.tensor(owners, dtype=torch.long), torch.tensor(counts)
