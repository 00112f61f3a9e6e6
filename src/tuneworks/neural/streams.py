"""Token pieces as one stream: the tokens of several texts under each other, and where each text's stand.

Attention is what tokens of one text have with each other: there texts of a stream stand side by side, padded to one
length. It depends on the text's own length alone, so that no text's numbers depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tuneworks.neural.pieces import Piece
from tuneworks.statistics.features import Floats

STEP = 16  # lengths within which texts are padded to the same one
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Stream:
    """Pieces as one stream of T tokens: their ids, each piece's begin and length, and the length they are padded to."""

    pieces: Sequence[Piece]
    ids: Whole
    begins: Whole
    lengths: Whole
    longest: int

    @property
    def examples(self) -> list[int]:
        return [piece.example for piece in self.pieces]

    def places(self) -> dict[str, NDArray[np.integer]]:
        """What a graph of ``onnx_graph`` asks for beside the words."""
        positions = np.arange(len(self.ids)) - np.repeat(self.begins, self.lengths)
        back = positions + np.repeat(np.arange(len(self.lengths)) * self.longest, self.lengths)
        places = np.repeat(self.begins, self.longest)
        places[back] = np.arange(len(self.ids))
        inside = np.arange(self.longest) < self.lengths[:, None]
        return {
            "positions": positions,
            "places": places.reshape(inside.shape),
            "inside": inside.astype(np.int32),
            "back": back,
        }

    def means(self, states: Floats) -> Floats:
        """The mean of each piece's token states (T, D), (B, D)."""
        made: Floats = np.add.reduceat(states, self.begins, axis=0)
        made /= self.lengths[:, None].astype(np.float32)
        return made

    def unit_means(self, states: Floats) -> Floats:
        """The mean of the states (T, D) of the tokens that touch each unit (U, D); zeros where none does."""
        touching = [
            [begin + token for token in tokens]
            for begin, piece in zip(self.begins.tolist(), self.pieces, strict=True)
            for _, tokens in piece.units
        ]
        counts = np.array([len(tokens) for tokens in touching], dtype=np.int64)
        tokens: Whole = np.array([token for tokens in touching for token in tokens], dtype=np.int64)
        shares = np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32)
        ends = np.cumsum([0, *counts])
        return np.asarray(sparse.csr_matrix((shares, tokens, ends), (len(counts), len(states))) @ states)


def stream_of(pieces: Sequence[Piece]) -> Stream:
    """Pieces of one padded length as a stream."""
    lengths = np.array([len(piece.ids) for piece in pieces])
    ids = np.array([token for piece in pieces for token in piece.ids])
    return Stream(pieces, ids, np.cumsum([0, *lengths[:-1]]), lengths, _padded(pieces[0]))


def streams_of(pieces: Sequence[Piece], tokens: int) -> Iterator[Stream]:
    """Pieces in streams of at most ``tokens`` tokens (or one piece), longest first."""
    for _, alike in groupby(sorted(pieces, key=lambda piece: -len(piece.ids)), key=_padded):
        held: list[Piece] = []
        count = 0
        for piece in alike:
            if held and count + len(piece.ids) > tokens:
                yield stream_of(held)
                held, count = [], 0
            held.append(piece)
            count += len(piece.ids)
        yield stream_of(held)


def _padded(piece: Piece) -> int:
    """The length a piece is padded to where tokens see each other."""
    return -(-max(1, len(piece.ids)) // STEP) * STEP
