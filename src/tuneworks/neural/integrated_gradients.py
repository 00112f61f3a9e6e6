"""Integrated gradients of an encoder's features along its word embeddings (Sundararajan et al. 2017, arXiv 1703.01365).

The way goes in a straight line to the text from one that is padding where its words are; marks that stand round every
text stay as they are. Measured by deletion, padding is the more faithful start than the token that masks others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tuneworks.core.contracts import LoadedBase
from tuneworks.neural.batches import batch_of
from tuneworks.neural.devices import device
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.pieces import Piece, pieces_of
from tuneworks.neural.stored_encoder import StoredEncoder
from tuneworks.neural.whole import freeze

TOKENS_AT_ONCE = 512
NO_LIMIT = 10**9
_one_at_a_time = Lock()
_networks: WeakKeyDictionary[LoadedBase, Encoder] = WeakKeyDictionary()


def integrated(
    base: LoadedBase, text: str, units: Sequence[tuple[int, int]], slopes: Any, steps: int
) -> NDArray[np.float64]:
    """How far each of a text's units speaks for its features, weighted by ``slopes`` (D,): (L,)."""
    with _one_at_a_time:
        return _integrated(_network(base), text, units, slopes, steps)


def _integrated(
    encoder: Encoder, text: str, units: Sequence[tuple[int, int]], slopes: Any, steps: int
) -> NDArray[np.float64]:
    piece = piece_of(encoder, text, units)
    weights = torch.as_tensor(np.asarray(slopes, np.float32)).to(device())
    way = _Way(encoder, piece)
    middles = (np.arange(steps) + 0.5) / steps
    at_once = max(1, TOKENS_AT_ONCE // len(piece.ids))
    for begin in range(0, steps, at_once):
        way.walk(middles[begin : begin + at_once], weights)
    added = way.added() / steps
    return np.array([sum(added[token] for token in tokens) for _, tokens in piece.units], dtype=np.float64)


class _Way:
    """A text's embeddings on the way from padding to whole, and the gradients met there."""

    def __init__(self, encoder: Encoder, piece: Piece) -> None:
        self._encoder, self._piece = encoder, piece
        self._words: Any = encoder.model.get_input_embeddings()
        asked = {token for _, tokens in piece.units for token in tokens}
        padded = [encoder.pad if t in asked else id for t, id in enumerate(piece.ids)]
        with torch.no_grad():
            self._whole = self._embedded(piece.ids)
            self._padded = self._embedded(padded)
        self._gradients = torch.zeros_like(self._whole)

    def walk(self, places: NDArray[np.float64], weights: Tensor) -> None:
        """Add up the gradients at these shares of the way."""
        shares = torch.tensor(places, dtype=torch.float32, device=device())[:, None, None]
        points = (self._padded + shares * (self._whole - self._padded)).requires_grad_()
        with torch.enable_grad(), self._standing_at(points):
            features = self._encoder.pooled(batch_of([self._piece] * len(places)))
            (gradient,) = torch.autograd.grad((features @ weights).sum(), points)
        self._gradients += gradient.sum(dim=0)

    def added(self) -> NDArray[np.float64]:
        """What each token adds (T,), once divided by the number of places."""
        made = ((self._whole - self._padded) * self._gradients).sum(dim=1)
        return made.cpu().numpy().astype(np.float64)

    def _embedded(self, ids: Sequence[int]) -> Tensor:
        made: Tensor = self._words(torch.tensor([list(ids)], device=device()))[0]
        return made

    @contextmanager
    def _standing_at(self, points: Tensor) -> Iterator[None]:
        """The encoder reads these embeddings (S, T, D) whatever its words say."""
        handle = self._words.register_forward_hook(lambda module, ids, made: points.reshape(made.shape))
        try:
            yield
        finally:
            handle.remove()


def _network(base: LoadedBase) -> Encoder:
    """The network that the base's features are made by, read once as long as the base is open."""
    assert isinstance(base, StoredEncoder)
    if base not in _networks:
        made: Encoder = base.reading_network()
        freeze(made)
        _networks[base] = made
    return _networks[base]


def piece_of(encoder: Encoder, text: str, units: Sequence[tuple[int, int]]) -> Piece:
    """The text as it is read whole, cut at the maximum length, with the tokens of its units that are left."""
    most = encoder.settings.max_length
    (whole,) = pieces_of(encoder.tokenizer, [text], encoder.settings.prefix, NO_LIMIT, [units])
    ids, last = whole.ids, len(whole.ids)
    if last > most:
        ids, last = [*ids[: most - 1], ids[-1]], most - 1
    kept = tuple((unit, tuple(token for token in tokens if token < last)) for unit, tokens in whole.units)
    piece = Piece(0, ids, kept)
    return encoder.prompts.before([piece])[0] if encoder.prompts is not None else piece
