"""Texts as token pieces, and pieces as batches of like length: padding is avoided, not masked away."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from tuneworks.core.types import Pair

OVERLAP = 32  # tokens two neighbouring windows of a long text share; half a window where that is less


@dataclass(frozen=True)
class Piece:
    """One window of one text: its token ids, and for each of its units (number in the text) the tokens touching it."""

    example: int
    ids: list[int]
    units: tuple[tuple[int, tuple[int, ...]], ...] = ()
    truncated: bool = False


@dataclass(frozen=True)
class Batch:
    """Pieces as tensors: ids (B, T), mask (B, T) or ``None`` where nothing is padded, the map from units to tokens."""

    pieces: tuple[Piece, ...]
    ids: Tensor
    mask: Tensor | None
    unit_count: int
    token_of_unit: Tensor  # positions in the flattened (B * T) tokens
    unit_of_token: Tensor  # for each of these, the unit's number in the batch
    tokens_per_unit: Tensor

    @property
    def examples(self) -> list[int]:
        return [piece.example for piece in self.pieces]


def readable(value: Any) -> str | Pair:
    """A value as a tokenizer reads it: a pair as it is, nothing as an empty text."""
    return value if isinstance(value, Pair) else str(value or "")


def pieces_of(
    tokenizer: Tokenizer,
    values: Sequence[str | Pair],
    prefix: str,
    max_length: int,
    units: Sequence[Sequence[tuple[int, int]]] | None = None,
) -> list[Piece]:
    """Each text as one piece cut at ``max_length`` tokens; with ``units`` as overlapping windows covering them all.

    Of a pair both texts stand in one piece; windows go over the second, each with the first before it.
    """
    inputs = [(prefix + v.first, v.second) if isinstance(v, Pair) else prefix + v for v in values]
    if units is None:
        encodings = tokenizer.encode_batch_fast(inputs)
        return [_cut(number, encoding.ids, max_length) for number, encoding in enumerate(encodings)]
    return [
        piece
        for number, (value, encoding, spans) in enumerate(
            zip(values, tokenizer.encode_batch(inputs), units, strict=True)
        )
        for piece in _windows(number, _Body.of(encoding, value, prefix), spans, max_length)
    ]


def batches_of(pieces: Sequence[Piece], tokens: int, *, pad: int) -> Iterator[Batch]:
    """Batches of neighbours in length, longest first, each within the token budget (or one piece)."""
    for group in grouped(sorted(pieces, key=lambda piece: -len(piece.ids)), tokens):
        yield batch_of(group, pad)


def grouped(pieces: Sequence[Piece], tokens: int) -> Iterator[list[Piece]]:
    """Consecutive pieces in groups whose padded size stays within ``tokens``."""
    group: list[Piece] = []
    longest = 0
    for piece in pieces:
        longest = max(longest, len(piece.ids))
        if group and longest * (len(group) + 1) > tokens:
            yield group
            group, longest = [], len(piece.ids)
        group.append(piece)
    if group:
        yield group


def batch_of(pieces: Sequence[Piece], pad: int) -> Batch:
    """Pieces as one batch, padded to the longest."""
    longest = max(len(piece.ids) for piece in pieces)
    ids = torch.full((len(pieces), longest), pad, dtype=torch.long)
    lengths = torch.tensor([len(piece.ids) for piece in pieces])
    for row, piece in enumerate(pieces):
        ids[row, : len(piece.ids)] = torch.tensor(piece.ids, dtype=torch.long)
    even = bool((lengths == longest).all())
    mask = None if even else (torch.arange(longest)[None, :] < lengths[:, None]).long()
    tokens, owners, counts = _unit_maps(pieces, longest)
    return Batch(tuple(pieces), ids, mask, len(counts), tokens, owners, counts)


def shuffled_batches(pieces: Sequence[Piece], tokens: int, *, pad: int, seed: int, pool: int = 50) -> list[list[Piece]]:
    """One epoch's groups in random order: shuffled, sorted by length in pools of ``pool`` groups, shuffled again."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(pieces))
    mean = max(1.0, float(np.mean([len(piece.ids) for piece in pieces])))
    size = max(1, int(pool * tokens / mean))
    groups: list[list[Piece]] = []
    for begin in range(0, len(order), size):
        chosen = [pieces[i] for i in order[begin : begin + size]]
        groups += grouped(sorted(chosen, key=lambda piece: -len(piece.ids)), tokens)
    return [groups[i] for i in random.permutation(len(groups))]


def _cut(number: int, ids: list[int], max_length: int) -> Piece:
    if len(ids) <= max_length:
        return Piece(number, ids)
    return Piece(number, [*ids[: max_length - 1], ids[-1]], truncated=True)


@dataclass(frozen=True)
class _Body:
    """The tokens that windows go over, ``ids[begin:end]``; their offsets count from ``shift``."""

    encoding: Encoding
    sequence: int
    begin: int
    end: int
    shift: int

    @classmethod
    def of(cls, encoding: Encoding, value: str | Pair, prefix: str) -> _Body:
        sequence = int(isinstance(value, Pair))
        own = [position for position, of in enumerate(encoding.sequence_ids) if of == sequence]
        begin = own[0] if own else len(encoding.ids) - 1
        return cls(encoding, sequence, begin, begin + len(own), 0 if sequence else len(prefix))

    def head(self, most: int) -> list[int]:
        """What stands before every window, the first text of a pair cut where it is longer than ``most`` allows."""
        owners, ids = self.encoding.sequence_ids[: self.begin], self.encoding.ids[: self.begin]
        room = max(0, most - owners.count(None))
        texts = [position for position, of in enumerate(owners) if of is not None]
        dropped = set(texts[room:])
        return [token for position, token in enumerate(ids) if position not in dropped]


def _windows(number: int, body: _Body, units: Sequence[tuple[int, int]], max_length: int) -> Iterator[Piece]:
    touching = _touching(body, units)
    ids = body.encoding.ids
    if len(ids) <= max_length:
        yield Piece(number, ids, tuple(enumerate(touching)))
        return
    tail = ids[body.end :]
    head = body.head(max_length // 2 - len(tail))
    inner, length = max_length - len(head) - len(tail), body.end - body.begin
    overlap = min(OVERLAP, inner // 2)
    starts = range(0, max(1, length - overlap), inner - overlap)
    inside: list[list[tuple[int, tuple[int, ...]]]] = [[] for _ in starts]
    for unit, tokens in enumerate(touching):
        home = _home(tokens[0] - body.begin if tokens else 0, starts, inner)
        places = (token - body.begin - starts[home] for token in tokens)
        inside[home].append((unit, tuple(len(head) + place for place in places if 0 <= place < inner)))
    cut = len(head) < body.begin
    for start, own in zip(starts, inside, strict=True):
        window = ids[body.begin + start : min(body.begin + start + inner, body.end)]
        yield Piece(number, [*head, *window, *tail], tuple(own), truncated=cut)


def _home(at: int, starts: range, inner: int) -> int:
    """The window in which a unit's first token has the most context on its poorer side."""
    last = min(len(starts) - 1, at // starts.step)
    near = range(max(0, last - inner // starts.step), last + 1)
    return max(near, key=lambda window: min(at - starts[window], starts[window] + inner - 1 - at))


def _touching(body: _Body, units: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """For each unit, in whatever order, the positions of the body's tokens that share a character with it."""
    offsets, specials = body.encoding.offsets, body.encoding.special_tokens_mask
    positions = [
        (position, offsets[position][0] - body.shift, offsets[position][1] - body.shift)
        for position in range(body.begin, body.end)
        if not specials[position] and offsets[position][1] > offsets[position][0]
    ]
    ends = [end for _, _, end in positions]
    made: list[tuple[int, ...]] = []
    for begin, end in units:
        first = bisect_right(ends, begin)
        found = []
        for position, token_begin, token_end in map(positions.__getitem__, range(first, len(positions))):
            if token_begin >= end:
                break
            if token_end > begin:
                found.append(position)
        made.append(tuple(found))
    return made


def _unit_maps(pieces: Sequence[Piece], longest: int) -> tuple[Tensor, Tensor, Tensor]:
    tokens: list[int] = []
    owners: list[int] = []
    counts: list[int] = []
    for row, piece in enumerate(pieces):
        for _, positions in piece.units:
            tokens += [row * longest + position for position in positions]
            owners += [len(counts)] * len(positions)
            counts.append(len(positions))
    return torch.tensor(tokens, dtype=torch.long), torch.tensor(owners, dtype=torch.long), torch.tensor(counts)
