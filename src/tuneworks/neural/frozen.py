"""Layers that do not learn, read once: what they make of each piece is kept on disk by content.

The key of what is kept is a hash of all that made it: the weights below, the configuration, how many layers, and the
tokens of each piece. Epochs, trials, learning curves and later versions on the same base share it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tuneworks.core.bounded import MOST_BYTES, in_use, trim
from tuneworks.neural.batches import Batch, batches_of
from tuneworks.neural.devices import device, numbers_of
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.pieces import Piece
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics.row_files import HALF, Halves, RowFiles

Filling = Iterator[tuple[int, int]]
TOKENS_AT_ONCE = 512
PIECES_A_WRITE = 2000


class Lower:
    """The embeddings and the lowest ``count`` layers of an encoder of a known family; they learn and drop nothing."""

    def __init__(self, encoder: Encoder, count: int) -> None:
        self._encoder, self.count = encoder, count
        self._modules = [encoder.model.embeddings, *encoder.layers[:count]]
        for weight in (weight for module in self._modules for weight in module.parameters()):
            weight.requires_grad = False

    def __call__(self, batch: Batch) -> Tensor:
        """The states (T, D) that the layers above begin with."""
        training = self._encoder.training
        for module in self._modules:
            module.eval()
        with torch.no_grad():
            states = self._encoder.lowest(batch, self.count)
        for module in self._modules:
            module.train(training)
        return states

    def key(self) -> str:
        """A hash of the weights and the configuration."""
        config = self._encoder.model.config.to_dict()
        stated = {name: value for name, value in config.items() if name[0] != "_" and name != "transformers_version"}
        made = hashlib.sha256(json.dumps([stated, self.count], sort_keys=True, default=str).encode())
        for module in self._modules:
            for name, tensor in module.state_dict().items():
                made.update(name.encode())
                made.update(np.ascontiguousarray(numbers_of(tensor)).data)
        return made.hexdigest()[:32]


class Kept:
    """What the lower layers make of pieces, from disk."""

    def __init__(self, lower: Lower, folder: Path, name: str, width: int) -> None:
        self._lower, self.count = lower, lower.count
        self._files = RowFiles(folder, name, width)
        self._places = self._files.places()
        self._rows = self._files.rows()

    def __call__(self, batch: Batch) -> Tensor:
        """The states (T, D) that the layers above begin with."""
        places = [self._places[_key(piece)] for piece in batch.stream]
        rows = np.concatenate([self._rows[first : first + count] for first, count in places])
        return torch.from_numpy(rows).float().to(device())

    def fill(self, pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
        """Compute what is not yet there; says how many pieces of how many are done."""
        missing = {key: piece for piece in pieces if (key := _key(piece)) not in self._places}
        made: dict[bytes, Halves] = {}
        done = 0
        for rows in side_by_side(self._computed, batches_of(list(missing.values()), TOKENS_AT_ONCE)):
            made |= rows
            done += len(rows)
            if len(made) >= PIECES_A_WRITE or done == len(missing):
                self._files.append(made)
                made = {}
            yield done, len(missing)
        self._places, self._rows = self._files.places(), self._files.rows()

    def _computed(self, batch: Batch) -> dict[bytes, Halves]:
        states = numbers_of(self._lower(batch)).astype(HALF)
        ends = np.cumsum([len(piece.ids) for piece in batch.stream])[:-1]
        return dict(zip(map(_key, batch.stream), np.split(states, ends), strict=True))


@contextmanager
def below(encoder: Encoder, count: int | None, pieces: Sequence[Piece], cache: Path | None) -> Iterator[Filling]:
    """Meanwhile an encoder's lowest ``count`` layers are frozen, and what they make of the pieces is read from a cache.

    Gives what fills the cache, to be run through first; it says how many pieces of how many are done. Without a cache,
    or where it may not hold as much, the lower layers are run each time. ``None``: nothing is frozen.
    """
    if count is None:
        yield iter(())
        return
    lower = Lower(encoder, count)
    encoder.eval()
    size = HALF.itemsize * encoder.width * sum(len(piece.ids) for piece in pieces)
    try:
        if cache is None or size > MOST_BYTES:
            encoder.below = lower
            yield iter(())
        else:
            folder, name = cache / "states", lower.key()
            with in_use(folder, name):
                encoder.below = kept = Kept(lower, folder, name, encoder.width)
                yield kept.fill(pieces)
            trim(folder)
    finally:
        encoder.below = None


def _key(piece: Piece) -> bytes:
    return hashlib.sha256(np.asarray(piece.ids, "<i4").tobytes()).digest()
