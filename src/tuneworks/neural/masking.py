"""Tokens hidden in texts, and a head that names them (BERT: Devlin et al. 2019, arXiv 1810.04805, section 3.1).

Whole texts are read, in chunks of the encoder's maximum length; a chunk's ``units`` are its words, each with the places
of its tokens. Once some are hidden, ``units`` are these: the token that stood there, and its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding
from torch import Tensor, nn
from torch.nn import functional

from tuneworks.neural.batches import Batch
from tuneworks.neural.devices import device, numbers_of
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.pieces import Piece
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics.features import Floats

MASKED, RANDOM = 0.8, 0.1  # of the hidden tokens; the others stay as they are, and are guessed all the same
EVERY = 7  # of a text that is scored, every so manieth token is hidden at once, until each was
LEAST_UNSEEN, MOST_UNSEEN = 1e-6, 0.5
TOKENS_AT_ONCE = 512


def chunks(encoder: Encoder, texts: Sequence[str]) -> list[Piece]:
    """The whole of each text in chunks; one without a word is one chunk without units."""
    settings = encoder.settings
    encodings = encoder.tokenizer.encode_batch([settings.prefix + text for text in texts])
    return [
        piece
        for number, encoding in enumerate(encodings)
        for piece in _chunks(number, encoding, len(settings.prefix), settings.max_length)
    ]


def _chunks(number: int, encoding: Encoding, prefix: int, most: int) -> Iterator[Piece]:
    body = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
    if not body:
        yield Piece(number, encoding.ids)
        return
    head, tail = encoding.ids[: body[0]], encoding.ids[body[-1] + 1 :]
    room = most - len(head) - len(tail)
    for begin in range(0, len(body), room):
        own = body[begin : begin + room]
        units = [
            (word or 0, tuple(len(head) + place - body[0] - begin for place in places))
            for word, places in groupby(own, key=lambda place: encoding.word_ids[place])
        ]
        hideable = [unit for unit in units if encoding.offsets[body[0] + begin + unit[1][0] - len(head)][1] > prefix]
        yield Piece(number, [*head, *(encoding.ids[place] for place in own), *tail], tuple(hideable))


@dataclass(frozen=True)
class Hiding:
    """How tokens are hidden: the ``mask``, what random ones are drawn ``among``, how many, and whether word by word."""

    mask: int
    among: NDArray[np.int64]
    share: float
    whole_words: bool

    def hidden(self, pieces: Sequence[Piece], seed: int) -> list[Piece]:
        """The pieces with some of their tokens hidden, at least one in each."""
        random = np.random.default_rng(seed)
        return [self._one(piece, random) for piece in pieces]

    def _one(self, piece: Piece, random: np.random.Generator) -> Piece:
        groups = [places for _, places in piece.units]
        if not self.whole_words:
            groups = [(place,) for places in groups for place in places]
        count = max(1, round(self.share * len(groups)))
        chosen = random.choice(len(groups), count, replace=False)
        places = sorted(place for group in chosen for place in groups[group])
        ids = list(piece.ids)
        for place, drawn in zip(places, random.random(len(places)), strict=True):
            if drawn < MASKED:
                ids[place] = self.mask
            elif drawn < MASKED + RANDOM:
                ids[place] = int(random.choice(self.among))
        return replace(piece, ids=ids, units=tuple((piece.ids[place], (place,)) for place in places))


def swept(pieces: Sequence[Piece], mask: int) -> Iterator[Piece]:
    """Each piece some times over, so that every one of its tokens is hidden once."""
    for piece in pieces:
        places = [place for _, group in piece.units for place in group]
        for begin in range(min(EVERY, len(places))):
            ids, own = list(piece.ids), places[begin::EVERY]
            for place in own:
                ids[place] = mask
            yield replace(piece, ids=ids, units=tuple((piece.ids[place], (place,)) for place in own))


class Vocabulary:
    """The tokens that the training texts hold (V,), rising, and how probable it is that another one comes.

    That is the share of tokens that came once (Good 1953); all others share it alike.
    """

    def __init__(self, held: NDArray[np.int64], unseen: float, others: int) -> None:
        self.held, self.unseen, self.others = held, unseen, max(1, others)

    @classmethod
    def of(cls, pieces: Sequence[Piece], size: int) -> tuple[Vocabulary, Floats]:
        """The vocabulary of pieces, of ``size`` tokens in all, and the log-frequency of each that they hold."""
        tokens = [piece.ids[place] for piece in pieces for _, places in piece.units for place in places]
        held, counts = np.unique(np.array(tokens, np.int64), return_counts=True)
        once = float((counts == 1).sum()) / max(1, len(tokens))
        unseen = float(np.clip(once, LEAST_UNSEEN, MOST_UNSEEN))
        return cls(held, unseen, size - len(held)), np.log(counts / max(1, len(tokens))).astype(np.float32)

    def places(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each token stands among those held, -1 where it does not."""
        found = np.minimum(np.searchsorted(self.held, tokens), len(self.held) - 1)
        return np.where(self.held[found] == tokens, found, -1)

    def nats(self, logs: Tensor, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much each of the tokens (T,) surprises, by the log-probabilities (T, V) of those that are held."""
        places = self.places(tokens)
        found = numbers_of(logs[torch.arange(len(tokens)), torch.from_numpy(np.maximum(places, 0))])
        other = np.log(self.unseen / self.others)
        return -np.where(places < 0, other, np.log1p(-self.unseen) + found.astype(np.float64))


class Guesses(nn.Module):
    """A transform of a token's state, held against the embeddings of the tokens it may be."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, states: Tensor, words: Tensor) -> Tensor:
        """Sums (T, V) before the softmax."""
        return functional.linear(self.norm(functional.gelu(self.dense(states))), words, self.bias)


class Guesser(nn.Module):
    """The encoder and its guesses of hidden tokens, whose embeddings the input shares."""

    def __init__(self, encoder: Encoder, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.encoder, self.vocabulary = encoder, vocabulary
        self.head = Guesses(encoder.width, len(vocabulary.held))
        self._held = torch.from_numpy(vocabulary.held).to(device())
        self.to(device())

    def forward(self, batch: Batch) -> Tensor:
        """Sums (T, V) of the batch's hidden tokens."""
        states = self.encoder(batch)[batch.token_of_unit]
        return self.head(states, self.encoder.model.get_input_embeddings()(self._held))

    def loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy of the hidden tokens, which the training texts hold."""
        places = torch.from_numpy(self.vocabulary.places(_hidden(batch))).to(device())
        return functional.cross_entropy(self(batch), places)

    def scores(self, pieces: Sequence[Piece], count: int, mask: int) -> NDArray[np.float64]:
        """Score arrays (N, 2) of ``count`` texts by their chunks, each of whose tokens is hidden once."""
        made = np.zeros((count, 2))

        def answer(batch: Batch) -> tuple[list[int], NDArray[np.float64]]:
            owners = [piece.example for piece in batch.pieces for _ in piece.units]
            logs = torch.log_softmax(self(batch), dim=1)
            return owners, self.vocabulary.nats(logs, _hidden(batch))

        for owners, nats in side_by_side(answer, self.encoder.batches(list(swept(pieces, mask)), TOKENS_AT_ONCE)):
            np.add.at(made, owners, np.column_stack([nats, np.ones(len(nats))]))
        return made


def _hidden(batch: Batch) -> NDArray[np.int64]:
    """The tokens that stood where some are hidden."""
    return np.array([token for piece in batch.pieces for token, _ in piece.units], np.int64)
